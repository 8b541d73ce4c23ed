import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeG711 } from '../../src/audio/g711.ts';
import { sine } from '../../src/audio/tones.ts';
import { Recorder } from '../../src/call/recorder.ts';
import { createTrackParser, MAX_TRACK_PAYLOAD, type TrackRecord } from '../../src/journal/tracks.ts';

/** A recorder whose caller's frames arrive every 20 ms, the first at 20. */
class Tape {
  readonly records: TrackRecord[] = [];
  readonly recorder: Recorder;
  t = 0;
  readonly #parser = createTrackParser();

  constructor(samples = 0) {
    this.recorder = new Recorder(samples, (bytes) => {
      for (const record of this.#parser.push(bytes)) {
        if (record.kind === 'damage') throw new Error('damage');
        this.records.push(record);
      }
    });
  }

  hear(frames: number, value = 1): void {
    for (let n = 0; n < frames; n++) {
      this.t += 20;
      this.recorder.caller(new Uint8Array(160).fill(value), this.t);
    }
  }

  side(kind: 'caller' | 'agent'): [number, number][] {
    this.recorder.flush();
    return this.records.flatMap((record) => (record.kind === kind ? [[record.at, record.bytes.length]] : []));
  }

  gaps(): [number, number, string][] {
    return this.records.flatMap((one) => (one.kind === 'gap' ? [[one.at, one.samples, one.reason]] : []));
  }
}

describe('the recorder', () => {
  it('keeps nothing before it is started, but its clock moves', () => {
    const tape = new Tape();
    tape.hear(1);
    tape.recorder.agentRun(tape.t);
    tape.recorder.agent(new Uint8Array(160), 0, undefined);
    tape.recorder.start(tape.t + 20);
    tape.recorder.start(tape.t + 20);
    tape.hear(2);

    expect(tape.side('caller')).toEqual([[320, 160]]);
    expect(tape.side('agent')).toEqual([]);
    expect(tape.recorder.samples).toBe(480);
  });

  it('tells the format of both sides when it starts, and again when one changes', () => {
    const tape = new Tape();
    tape.recorder.format('caller', { codec: 'PCMA', sampleRate: 8000 });
    tape.recorder.start(0);
    tape.hear(1);
    tape.recorder.format('caller', { codec: 'PCMU', sampleRate: 8000 });

    const formats = tape.records.flatMap((one) => (one.kind === 'format' ? [[one.at, one.side, one.codec]] : []));
    expect(formats).toEqual([
      [0, 'caller', 'PCMA'],
      [0, 'agent', 'PCMU'],
      [160, 'caller', 'PCMU'],
    ]);
    expect(tape.records.map((one) => one.kind)).toEqual(['format', 'format', 'caller', 'format']);
  });

  it('writes 400 ms at a time and lays them end to end', () => {
    const tape = new Tape();
    tape.recorder.start(0);
    tape.hear(50);

    expect(tape.side('caller')).toEqual([
      [0, 3200],
      [3200, 3200],
      [6400, 1600],
    ]);
  });

  it('lays a run of the agent where its marks came back, and leaves the silence between two', () => {
    const tape = new Tape();
    tape.recorder.start(0);
    tape.hear(10);
    tape.recorder.agentRun(200);
    tape.hear(40);
    // Sent at 200 ms, the mark behind 400 ms of it is back at 630: it was heard 30 ms after it was sent.
    tape.recorder.agent(new Uint8Array(3200), 0, 630);
    tape.recorder.agent(new Uint8Array(1600), 3200, 830);
    tape.hear(100);
    tape.recorder.agentRun(2000);
    tape.recorder.agent(new Uint8Array(800), 0, 2130);

    expect(tape.side('agent')).toEqual([
      [230 * 8, 3200],
      [630 * 8, 1600],
      [2030 * 8, 800],
    ]);
  });

  it('takes the least delayed of the marks: one that was held up moves nothing', () => {
    const tape = new Tape();
    tape.recorder.start(0);
    tape.hear(200);
    tape.recorder.agentRun(1000);
    tape.recorder.agent(new Uint8Array(3200), 0, 1430);
    tape.recorder.agent(new Uint8Array(3200), 3200, 1990);
    tape.recorder.agent(new Uint8Array(3200), 6400, 2231);

    expect(tape.side('agent')).toEqual([
      [1030 * 8, 3200],
      [1430 * 8, 3200],
      [1830 * 8, 3200],
    ]);
  });

  it('moves audio back at its quietest place when a first mark was late, and loses only that', () => {
    const tape = new Tape();
    tape.recorder.start(0);
    tape.hear(200);
    const loud = encodeG711('PCMU', sine({ hz: 400, ms: 400 }));
    const paused = loud.slice();
    paused.fill(0xff, 1600, 2400);
    tape.recorder.agentRun(1000);
    tape.recorder.agent(loud, 0, 1480);
    tape.recorder.agent(paused, 3200, 1830);
    tape.recorder.agent(loud, 6400, 2230);

    // 50 ms of the silence are gone; what follows lies where the marks say.
    expect(tape.side('agent').map(([at, bytes]) => [at / 8 - 1000, bytes / 8])).toEqual([
      [80, 400],
      [480, 400],
      [880, 350],
    ]);
    const kept = tape.records.flatMap((one) => (one.kind === 'agent' ? [...one.bytes] : []));
    expect(kept).toEqual([...loud, ...paused.subarray(0, 1600), ...paused.subarray(2000), ...loud]);
  });

  it('opens a hole at the quietest place when audio was heard later than the marks said before', () => {
    const tape = new Tape();
    tape.recorder.start(0);
    tape.hear(400);
    const loud = encodeG711('PCMU', sine({ hz: 400, ms: 400 }));
    const paused = loud.slice();
    paused.fill(0xff, 1600, 2400);
    tape.recorder.agentRun(1000);
    for (let n = 0; n < 17; n++)
      tape.recorder.agent(n === 16 ? paused : loud, n * 3200, 1400 + n * 400 + (n > 0 ? 50 : 0));

    const places = tape.side('agent').map(([at, bytes]) => [at / 8 - 1000, bytes / 8]);
    expect(places.slice(0, 2)).toEqual([
      [0, 400],
      [400, 400],
    ]);
    expect(places.slice(16)).toEqual([
      [6400, 200],
      [6650, 200],
    ]);
  });

  it('never lays audio over audio', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            wait: fc.nat(50),
            pieces: fc.array(fc.record({ ms: fc.integer({ min: 1, max: 400 }), late: fc.nat(90) })),
          }),
        ),
        (runs) => {
          const tape = new Tape();
          tape.recorder.start(0);
          for (const { wait, pieces } of runs) {
            tape.hear(wait);
            const sentAt = tape.t;
            tape.recorder.agentRun(sentAt);
            let ms = 0;
            for (const piece of pieces) {
              tape.recorder.agent(new Uint8Array(piece.ms * 8), ms * 8, sentAt + ms + piece.ms + piece.late);
              ms += piece.ms;
              tape.hear(Math.round(piece.ms / 20));
            }
          }
          let end = 0;
          for (const [at, bytes] of tape.side('agent')) {
            expect(at).toBeGreaterThanOrEqual(end);
            end = at + bytes;
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('takes a minute of agent audio in one piece, as when no mark came back', () => {
    const tape = new Tape();
    tape.recorder.start(0);
    tape.recorder.agentRun(0);
    tape.hear(3000);
    tape.recorder.agent(new Uint8Array(60 * 8000), 0, undefined);

    const pieces = tape.side('agent');
    expect(pieces.every(([, bytes]) => bytes <= MAX_TRACK_PAYLOAD)).toBe(true);
    expect(pieces[0]?.[0]).toBe(0);
    expect(pieces.reduce((at, [start, bytes]) => (expect(start).toBe(at), at + bytes), 0)).toBe(60 * 8000);
  });

  it('counts the clock of a 16 kHz stream in samples of 8 kHz', () => {
    const tape = new Tape();
    tape.recorder.format('caller', { codec: 'L16', sampleRate: 16000, byteOrder: 'little' });
    tape.recorder.start(0);
    tape.recorder.caller(new Uint8Array(640), 20);
    tape.recorder.caller(new Uint8Array(640), 40);

    expect(tape.recorder.samples).toBe(320);
    expect(tape.side('caller')).toEqual([[0, 1280]]);
  });

  it('goes on where the clock stood before a restart', () => {
    const tape = new Tape(80_000);
    tape.recorder.start(0);
    tape.hear(1);

    expect(tape.side('caller')).toEqual([[80_000, 160]]);
  });

  it('counts the time without a stream: the next one lies where it began', () => {
    const tape = new Tape();
    tape.recorder.start(0);
    tape.hear(50);
    tape.recorder.newStream();
    tape.t += 3000;
    tape.hear(1);

    expect(tape.side('caller').at(-1)).toEqual([32_000, 160]);
  });

  it('counts time in which the far side sent nothing, once it has not made up for it', () => {
    const tape = new Tape();
    tape.recorder.start(0);
    tape.hear(200);
    tape.t += 5000;
    tape.hear(400);
    const end = tape.t * 8;
    tape.hear(1);

    expect(tape.side('caller').at(-1)?.[0]).toBeGreaterThan(end - 3200);
    expect(tape.recorder.samples).toBe(end + 160);
  });

  it('a stalled connection that catches up costs no time', () => {
    const tape = new Tape();
    tape.recorder.start(0);
    tape.hear(200);
    for (let n = 0; n < 250; n++) tape.recorder.caller(new Uint8Array(160), tape.t + 5000);
    tape.t += 5000;
    tape.hear(500);

    expect(tape.recorder.samples).toBe(tape.t * 8);
  });

  it('copies what it keeps: the buffer is the giver’s again', () => {
    const tape = new Tape();
    tape.recorder.start(0);
    const buffer = new Uint8Array(160).fill(7);
    tape.recorder.caller(buffer, 20);
    buffer.fill(9);
    tape.recorder.flush();

    const caller = tape.records.find((one) => one.kind === 'caller');
    expect(caller?.kind === 'caller' && [...caller.bytes]).toEqual(new Array<number>(160).fill(7));
  });
});

describe('a pause of the recording', () => {
  it('is silence from its moment to its end on both sides, also in audio that is told of later, and a gap with its reason', () => {
    const tape = new Tape();
    tape.recorder.start(0);
    tape.recorder.agentRun(0);
    tape.hear(10);
    tape.recorder.hold('paused', 210);
    expect(tape.recorder.isOn).toBe(false);
    tape.hear(9);
    tape.recorder.release(390);
    tape.hear(1);
    tape.recorder.agent(new Uint8Array(3200), 0, 400);

    expect(tape.side('caller')).toEqual([
      [0, 1680],
      [3120, 80],
    ]);
    expect(tape.side('agent')).toEqual([
      [0, 1680],
      [3120, 80],
    ]);
    expect(tape.gaps()).toEqual([[1680, 1440, 'paused']]);
  });

  it('that lasts to the end of the call has its end there', () => {
    const tape = new Tape();
    tape.recorder.start(0);
    tape.hear(10);
    tape.recorder.hold('sensitive', 200);
    tape.hear(10);
    tape.recorder.finish(400);

    expect(tape.gaps()).toEqual([[1600, 1600, 'sensitive']]);
    expect(tape.side('caller')).toEqual([[0, 1600]]);
  });

  it('is over when the recording is stopped and started again', () => {
    const tape = new Tape();
    tape.recorder.start(0);
    tape.hear(10);
    tape.recorder.hold('paused', 200);
    tape.recorder.stop(300);
    tape.hear(10);
    tape.recorder.start(400);
    tape.hear(1);

    expect(tape.side('caller')).toEqual([
      [0, 1600],
      [3200, 160],
    ]);
    expect(tape.gaps()).toEqual([[1600, 1600, 'paused']]);
  });
});
