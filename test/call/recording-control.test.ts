import { describe, expect, it } from 'vitest';
import { createTrackParser, type TrackRecord } from '../../src/journal/tracks.ts';
import type { RecordingStep } from '../../src/agent/dialogue/inputs.ts';
import { foldFacts } from '../../src/call/facts.ts';
import { createWorld, REFUSED, talking, type World } from './harness.ts';

const GREETED = { greeting: 'Hello there.' };

function start(config: Record<string, unknown>): World {
  const world = createWorld({ ...GREETED, ...config });
  world.webhook('call.initiated');
  world.clock.advance(5);
  world.webhook('call.answered');
  world.connect();
  return world;
}

function record(world: World, step: RecordingStep): void {
  world.session().post({ type: 'control', action: { type: 'record', do: step }, by: 'test' });
}

function tracks(world: World): TrackRecord[] {
  world.lastMedia?.recorder.flush();
  const parser = createTrackParser();
  return world.tracks.flatMap((bytes) => [...parser.push(bytes)] as TrackRecord[]);
}

const audio = (world: World): TrackRecord[] =>
  tracks(world).filter(({ kind }) => kind === 'caller' || kind === 'agent');

/** `started`, `stopped:paused` … in the order they were told. */
const told = (world: World): string[] =>
  world.events.flatMap((event) =>
    event.type === 'recording.started' || event.type === 'recording.stopped'
      ? [`${event.type.slice('recording.'.length)}:${event.data.reason}`]
      : [],
  );

const turnsEnded = (world: World): string[] =>
  world.events.flatMap((event) => (event.type === 'turn.ended' ? [event.data.text] : []));

describe('consent', () => {
  it.each<[string, unknown, number, string[]]>([
    // 60 ms a character, 500 ms of beep.
    ['a line', 'We record this.', 15 * 60, ['We record this.']],
    ['a line and a beep', { line: 'We record this.', beep: true }, 15 * 60 + 500, ['We record this.']],
    ['only a beep', { beep: true }, 500, []],
  ])('%s is heard to its end before anything is recorded', (_name, consent, lasts, said) => {
    const world = start({ consent });
    world.run(lasts - 40);
    expect(told(world)).toEqual([]);
    expect(world.tracks).toEqual([]);

    world.run(3000);
    expect(told(world)).toEqual(['started:started']);
    expect(turnsEnded(world)).toEqual([...said, 'Hello there.']);
    for (const { at } of audio(world)) expect(at).toBeGreaterThanOrEqual(lasts * 8);
    expect(audio(world).length).toBeGreaterThan(2);
    const last = world.phones[0]?.heard.length ?? 0;
    expect(last).toBeGreaterThanOrEqual((lasts + 12 * 60) * 8);
  });

  it('a beep is the recorder warning tone of 1400 Hz', () => {
    const world = start({ consent: { beep: true } });
    world.run(480);

    const heard = world.phones[0]?.heard.slice(800, 1600) ?? [];
    const sign = (byte: number): number => (byte & 0x80 ? 1 : -1);
    const crossings = heard.filter((byte, n) => n > 0 && sign(byte) !== sign(heard[n - 1] ?? 0)).length;
    expect(Math.abs(crossings - 280)).toBeLessThanOrEqual(2);
  });

  it('nobody talks over it', () => {
    const world = start({ consent: { line: 'We record this.', beep: true } });
    world.run(300);
    world.stt.emit({ type: 'sttPartial', text: 'stop' });
    world.stt.emit({ type: 'sttEndOfTurn', text: 'stop it' });
    world.run(4000);

    expect(world.phones[0]?.clears()).toBe(0);
    expect(turnsEnded(world)).toContain('We record this.');
    expect(told(world)).toEqual(['started:started']);
  });
});

describe('a recording that is controlled', () => {
  it('pauses and goes on: a gap with its reason, silence on both sides, STT listens on', () => {
    const world = talking();
    const heardBefore = world.stt.bytes;
    record(world, 'pause');
    record(world, 'pause');
    const at = world.lastMedia?.recorder.samples ?? 0;
    world.run(2000);
    const until = world.lastMedia?.recorder.samples ?? 0;
    record(world, 'resume');
    record(world, 'resume');
    world.run(1000);

    expect(told(world)).toEqual(['started:started', 'stopped:paused', 'started:resumed']);
    expect(world.stt.bytes).toBeGreaterThan(heardBefore + 16_000);
    const gap = tracks(world).find(({ kind }) => kind === 'gap');
    expect(gap).toMatchObject({ reason: 'paused' });
    for (const one of audio(world)) {
      if (one.kind !== 'caller') continue;
      expect(one.at + one.bytes.length <= at + 160 || one.at >= until - 160).toBe(true);
    }
  });

  it('stops and starts again without a second consent', () => {
    const world = start({ consent: 'We record this.' });
    world.run(4000);
    record(world, 'stop');
    world.run(1000);
    record(world, 'start');
    world.run(1000);

    expect(told(world)).toEqual(['started:started', 'stopped:stopped', 'started:started']);
    expect(turnsEnded(world)).toEqual(['We record this.', 'Hello there.']);
    expect(tracks(world).filter(({ kind }) => kind === 'gap')).toMatchObject([{ reason: 'stopped' }]);
  });

  it('starts on an agent that does not record by itself, consent first', () => {
    const world = start({ recording: false, consent: { line: 'We record this.', beep: true } });
    world.run(2000);
    expect(world.tracks).toEqual([]);

    record(world, 'start');
    expect(world.session().dialogue.recording).toBe('wanted');
    record(world, 'pause');
    world.run(1300);
    expect(world.tracks).toEqual([]);
    world.run(1500);

    expect(turnsEnded(world)).toEqual(['Hello there.', 'We record this.']);
    expect(told(world)).toEqual(['started:started']);
    expect(world.session().dialogue.speech).toBeUndefined();
  });

  it('waits with its consent for the agent to have spoken, and is taken back by a stop', () => {
    const world = start({ recording: false, consent: 'We record this.' });
    world.run(200);
    record(world, 'start');
    world.run(200);
    record(world, 'stop');
    world.run(4000);
    expect(turnsEnded(world)).toEqual(['Hello there.']);

    world
      .session()
      .post({ type: 'control', action: { type: 'say', text: 'One moment.', interrupt: false }, by: 'test' });
    world.run(100);
    record(world, 'start');
    world.run(4000);
    expect(turnsEnded(world)).toEqual(['Hello there.', 'One moment.', 'We record this.']);
    expect(told(world)).toEqual(['started:started']);
  });

  it('tells of its end with the call', () => {
    const world = talking();
    world.webhook('call.hangup');

    expect(told(world)).toEqual(['started:started', 'stopped:ended']);
    expect(world.types().slice(-2)).toEqual(['recording.stopped', 'call.ended']);
  });

  it('keeps nothing of what is sensitive, whatever else is asked meanwhile', () => {
    const world = talking();
    world.session().sensitive(true);
    world.run(200);
    record(world, 'pause');
    world.run(200);
    record(world, 'resume');
    world.run(200);
    expect(world.lastMedia?.recorder.isOn).toBe(false);
    world.session().sensitive(false);
    expect(world.lastMedia?.recorder.isOn).toBe(true);
    world.run(200);

    expect(told(world)).toEqual(['started:started', 'stopped:sensitive', 'started:resumed']);
    expect(tracks(world).filter(({ kind }) => kind === 'gap')).toMatchObject([{ reason: 'sensitive' }]);
  });

  it.each<[string, RecordingStep[], 'on' | 'off' | 'paused']>([
    ['on', [], 'on'],
    ['paused', ['pause'], 'paused'],
    ['on again', ['pause', 'resume'], 'on'],
    ['off', ['stop'], 'off'],
  ])('is after a restart what it was: %s', (_name, steps, expected) => {
    const world = talking();
    for (const step of steps) record(world, step);

    expect(foldFacts(world.records)).toMatchObject({ recorded: true, recording: expected });
  });
});

describe('a recording that Telnyx makes', () => {
  it('is commanded once the consent was heard; none of our own is kept', () => {
    const world = start({ recording: 'telnyx', consent: 'We record this.' });
    world.run(800);
    expect(world.telnyx.count('recordStart')).toBe(0);
    world.run(2000);
    expect(world.telnyx.count('recordStart')).toBe(1);
    for (const step of ['pause', 'resume', 'stop', 'start'] as const) {
      record(world, step);
      world.run(100);
    }

    expect(world.telnyx.names().filter((name) => name.startsWith('record'))).toEqual([
      ...(['recordStart', 'recordPause', 'recordResume', 'recordStop', 'recordStart'] as const),
    ]);
    expect(told(world)).toEqual([
      ...['started:started', 'stopped:paused', 'started:resumed', 'stopped:stopped', 'started:started'],
    ]);
    expect(world.tracks).toEqual([]);
    expect(foldFacts(world.records).recording).toBe('on');
  });

  it('is paused for what is sensitive', () => {
    const world = start({ recording: 'telnyx' });
    world.run(1500);
    world.session().sensitive(true);
    world.run(100);
    world.session().sensitive(false);
    world.run(100);

    expect(told(world)).toEqual(['started:started', 'stopped:sensitive', 'started:resumed']);
  });

  it('is stopped when Telnyx refuses to pause it', () => {
    const world = start({ recording: 'telnyx' });
    world.run(1500);
    world.telnyx.answers = ({ name }) => (name === 'recordPause' ? REFUSED : { ok: true });
    record(world, 'pause');
    world.run(100);

    expect(world.telnyx.names().slice(-2)).toEqual(['recordPause', 'recordStop']);
    expect(told(world).slice(0, 2)).toEqual(['started:started', 'stopped:failed']);
    expect(world.session().dialogue.recording).toBe('off');
  });

  it('that Telnyx refuses leaves the call as it is', () => {
    const world = start({ recording: 'telnyx', consent: 'We record this.' });
    world.telnyx.answers = ({ name }) => (name === 'recordStart' ? REFUSED : { ok: true });
    world.run(3000);

    expect(told(world)).toEqual(['stopped:failed']);
    expect(turnsEnded(world)).toEqual(['We record this.', 'Hello there.']);
  });
});
