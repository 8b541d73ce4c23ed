import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PCMU_8K } from '../../src/audio/format.ts';
import { decodeG711 } from '../../src/audio/g711.ts';
import { rmsDbfs } from '../../src/audio/level.ts';
import { systemClock, VirtualClock, type Clock } from '../../src/core/clock.ts';
import type { TtsEvent, TtsSession } from '../../src/providers/ports.ts';
import { createCommandTts } from '../../src/providers/tts/command.ts';

/**
 * The program: speaks one 100 ms tone per word. Its arguments: how it gets the text (`stdin` or the text), where it writes
 * (`raw`, `wav` or a file). Some words make it misbehave.
 */
const PROGRAM = `
const fs = require('node:fs');
const [, , where, given] = process.argv;
const text = given ?? fs.readFileSync(0, 'utf8').trim();
if (process.env.SEEN) fs.appendFileSync(process.env.SEEN, JSON.stringify(text) + '\\n');
if (text.includes('mute')) process.exit(0);
if (text.includes('crash')) { console.error('no such voice'); process.exit(7); }
if (text.includes('hang')) { setInterval(() => {}, 1000); fs.writeFileSync(process.argv[4] ?? where, ''); }
else {
  const n = text.split(/\\s+/).length * 1600;
  const pcm = Buffer.alloc(2 * n);
  for (let i = 0; i < n; i++) pcm.writeInt16LE(Math.round(8000 * Math.sin(2 * Math.PI * 440 * i / 16000)), 2 * i);
  const head = Buffer.alloc(44);
  head.write('RIFF', 0); head.writeUInt32LE(36 + pcm.length, 4); head.write('WAVEfmt ', 8); head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20); head.writeUInt16LE(1, 22); head.writeUInt32LE(16000, 24); head.writeUInt32LE(32000, 28);
  head.writeUInt16LE(2, 32); head.writeUInt16LE(16, 34); head.write('data', 36); head.writeUInt32LE(pcm.length, 40);
  const wav = Buffer.concat([head, pcm]);
  if (where === 'raw') process.stdout.write(pcm);
  else if (where === 'wav') process.stdout.write(wav);
  else if (where === 'junk') process.stdout.write('RIFF and nothing');
  else fs.writeFileSync(where, wav);
}
`;

describe('a voice from a program', () => {
  let folder = '';
  let program = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'command-test-'));
    program = join(folder, 'speak.cjs');
    writeFileSync(program, PROGRAM);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  interface Line {
    readonly session: TtsSession;
    readonly events: TtsEvent[];
    next(type: TtsEvent['type']): Promise<TtsEvent>;
  }

  function open(args: readonly string[], command = process.execPath, clock: Clock = systemClock): Line {
    const events: TtsEvent[] = [];
    let wake = (): void => {};
    const tts = createCommandTts({ command, args, sampleRate: 16000, clock });
    const session = tts.open({ format: PCMU_8K, language: 'en' }, (event) => {
      events.push(event);
      wake();
    });
    return {
      session,
      events,
      async next(type) {
        for (;;) {
          const found = events.find((event) => event.type === type);
          if (found) return found;
          await new Promise<void>((resolve) => (wake = resolve));
        }
      },
    };
  }

  function say(line: Line, text: string): void {
    line.session.begin(1);
    line.session.text(text);
    line.session.end();
  }

  it.each([
    ['raw audio, the text on stdin', ['raw']],
    ['a WAV on stdout, the text as an argument', ['wav', '{text}']],
    ['a WAV in a file', ['{file}', '{text}']],
  ])('takes %s', async (_name, args) => {
    const line = open([program, ...args]);
    say(line, 'Good morning. One two three.');
    await line.next('ttsDone');

    const texts = line.events.filter((event) => event.type === 'ttsText');
    // 100 ms a word, and the pause behind a sentence.
    expect(texts.map(({ text, fromByte, toByte }) => [text, toByte - fromByte])).toEqual([
      ['Good morning. ', 1600 + 1440],
      ['One two three.', 2400 + 1440],
    ]);
    const audio = line.events.flatMap((event) => (event.type === 'ttsAudio' ? [event.bytes] : []))[0]!;
    expect(rmsDbfs(decodeG711('PCMU', audio.subarray(0, 1600)))).toBeCloseTo(20 * Math.log10(8000 / 32768) - 3, 0);
  });

  it('uses no shell, and lets no sentence become an option', async () => {
    const seen = join(folder, 'seen');
    process.env['SEEN'] = seen;
    const line = open([program, 'raw', '{text}']);
    say(line, '--help; $(touch pwned) "quoted"');
    await line.next('ttsDone');
    delete process.env['SEEN'];

    expect(readFileSync(seen, 'utf8')).toBe(`${JSON.stringify(' --help; $(touch pwned) "quoted"')}\n`);
    expect(existsSync('pwned')).toBe(false);
  });

  it.each([
    ['crash', 'server', 'failed with exit code 7: no such voice'],
    ['mute', 'malformed', 'made no sound'],
  ])('says why there is no speech (%s)', async (text, kind, message) => {
    const line = open([program, 'raw']);
    say(line, text);

    expect(await line.next('ttsFailed')).toEqual({
      type: 'ttsFailed',
      utterance: 1,
      failure: { kind, message: `tts command ${process.execPath} ${message}`, retryable: false },
    });
  });

  it('says what is wrong with a broken WAV', async () => {
    const line = open([program, 'junk']);
    say(line, 'Hello.');

    const event = await line.next('ttsFailed');
    expect(event.type === 'ttsFailed' && event.failure.message).toContain('made audio that cannot be used: ');
  });

  it('names a program that is not there', async () => {
    const line = open([], 'no-such-synthesiser');
    say(line, 'Hello.');

    expect(await line.next('ttsFailed')).toMatchObject({
      failure: { kind: 'missing', message: 'tts command no-such-synthesiser is not installed or not on the PATH' },
    });
  });

  it('ends a program that takes too long', async () => {
    const clock = new VirtualClock();
    const started = join(folder, 'started');
    const line = open([program, 'raw', '{text}', started], process.execPath, clock);
    say(line, 'hang');
    await exists(started);
    clock.advance(10_000);

    expect(await line.next('ttsFailed')).toMatchObject({
      failure: { kind: 'timeout', message: `tts command ${process.execPath} did not finish within 10000 ms` },
    });
  });

  it('ends the program on cancel, says nothing more, and leaves no file behind', async () => {
    const line = open([program, '{file}', '{text}', join(folder, 'running')]);
    await line.next('ttsOpened');
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith('landline-')).length;
    say(line, 'hang');
    await exists(join(folder, 'running'));

    line.session.cancel(0);

    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('landline-')).length).toBe(before);
    say(line, 'Hello there.');
    await line.next('ttsDone');
    expect(line.events.map((event) => event.type)).toEqual(['ttsOpened', 'ttsAudio', 'ttsText', 'ttsDone']);
  });

  async function exists(path: string): Promise<void> {
    while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 5));
  }
});
