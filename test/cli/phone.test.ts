import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { rmsDbfs } from '../../src/audio/level.ts';
import { createResampler } from '../../src/audio/resample.ts';
import { readWav, toMono8k, writeWav } from '../../src/audio/wav.ts';
import { sine } from '../../src/audio/tones.ts';
import { DEMO_FOLDER } from '../../src/cli/demo/call-plan.ts';
import type { PublishedEvent } from '../../src/call/ports.ts';
import { run, type Running } from '../../src/cli/serve.ts';
import { loadConfig } from '../../src/config.ts';
import { silentLog } from '../../src/core/log.ts';
import { readRecording } from '../../src/records/recording.ts';
import { launchBrowser, openPage } from '../browser.ts';
import { until } from '../gateway/world.ts';
import { landline } from './landline.ts';

let folder: string;
let running: Running;
let origin: string;
const events: PublishedEvent[] = [];
/** Said in under two seconds. */
const LOCATION = join(DEMO_FOLDER, 'caller', '03-location.wav');

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'landline-phone-'));
  const config = join(folder, 'config.json');
  writeFileSync(
    config,
    JSON.stringify({
      agents: {
        hotel: {
          greeting: 'Good day.',
          stt: { provider: 'embedded' },
          llm: { provider: 'scripted', script: join(DEMO_FOLDER, 'hotel.yaml') },
          tts: { provider: 'embedded' },
          tools: ['transfer_call', 'hang_up'],
          transferTargets: { desk: 'sip:desk@hotel.example' },
        },
      },
      numbers: { '+13125550178': 'hotel' },
      // What was recorded is read off the tracks.
      recordings: { keepTracks: true },
    }),
  );
  const env = { HOST: '127.0.0.1', PORT: '0', LANDLINE_DATA_DIR: join(folder, 'data'), LANDLINE_CONFIG: config };
  running = await run(await loadConfig({ env, cwd: folder }), silentLog);
  origin = running.gateway.origin;
  running.gateway.events.subscribe((event) => events.push(event));
});
afterAll(async () => {
  await running.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Events of the call from `number`. */
function eventsOf(number: string): PublishedEvent[] {
  const created = events.find((event) => event.type === 'call.created' && event.data.from === number);
  return events.filter((event) => event.callId === created?.callId);
}

describe('landline phone', () => {
  it('says a file of any rate after the greeting, presses keys after the answer, and keeps what it heard', async () => {
    const out = join(folder, 'heard.wav');
    const stereo = join(folder, 'stereo.wav');
    const loud = createResampler(8000, 16_000).process(toMono8k(readWav(readFileSync(LOCATION))));
    writeFileSync(stereo, writeWav({ sampleRate: 16_000, channels: [loud, loud] }));
    const phone = landline(['phone', stereo, '--press', '0', '--gateway', origin, '--out', out]);

    expect([await phone.exit, phone.err()]).toEqual([0, '']);

    const said = phone.out().replace(/\s+/g, ' ');
    expect(said).toMatch(
      /agent Good day\. .*caller location recognised .*agent We are at twelve Harbor Street.*station\..*\[0\] key pressed.*Shall I connect you to a person at the desk\?.*caller hangup/,
    );
    expect(said).toContain('The agent answered.');
    const wav = readWav(readFileSync(out));
    expect([wav.sampleRate, wav.channels.length]).toEqual([8000, 1]);
    expect(rmsDbfs(wav.channels[0] ?? new Int16Array(0))).toBeGreaterThan(-40);
  });

  it('ends with 1 when nobody answers', async () => {
    const phone = landline(['phone', LOCATION, '--to', '+15105550100', '--gateway', origin]);

    expect(await phone.exit).toBe(1);
    expect(phone.out()).toContain('The call was not answered: call rejected.');
  });

  it('explains itself without a file', async () => {
    const phone = landline(['phone', '--gateway', origin]);

    expect(await phone.exit).toBe(0);
    expect(phone.out()).toContain(`${origin}/phone`);
  });

  const refused: readonly (readonly [why: string, args: () => readonly string[], words: string])[] = [
    ['the file is missing', () => [join(folder, 'nothing.wav')], 'nothing.wav: there is no such file'],
    ['keys are to be pressed in no call', () => ['--press', '5'], 'name the WAV file that calls'],
    ['the file is no audio', () => [join(folder, 'config.json')], 'not a readable WAV file'],
    ['no gateway is there', () => [LOCATION, '--gateway', 'http://127.0.0.1:9'], 'start one with "npm start"'],
    ['the address is none', () => [LOCATION, '--gateway', 'nowhere'], '--gateway must be an address'],
    ['the number is none', () => [LOCATION, '--to', '911'], '--to must be a number'],
    ['the keys are none', () => [LOCATION, '--press', '5x'], '--press must be 1 to 32 keys'],
  ];
  it.each(refused)('ends with 2 and one sentence when %s', async (_why, args, words) => {
    const phone = landline(['phone', ...['--gateway', origin], ...args()]);

    expect(await phone.exit).toBe(2);
    expect(phone.err()).toContain(words);
    expect(phone.err().trim().split('\n')).toHaveLength(1);
    expect(phone.out()).toBe('');
  });
});

describe('landline serve', () => {
  it('says what to do when its port is taken, with exit code 2', async () => {
    const port = String(running.gateway.port);
    const second = landline(['serve', '--port', port], { LANDLINE_DATA_DIR: join(folder, 'second') });

    expect(await second.exit).toBe(2);
    expect(second.err()).toBe(
      `landline: PORT ${port} of 127.0.0.1 is in use: set PORT, or --port; 0 picks a free one\n`,
    );
  });
});

describe('the page /phone', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser(['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']);
  });
  afterAll(() => browser.close());

  it('calls, is heard and hears, presses keys and hangs up', async () => {
    const { page, problems } = await openPage(browser);
    await page.goto(`${origin}/phone`);
    const level = async (id: string): Promise<number> => Number(await page.getAttribute(id, 'aria-valuenow'));
    const state = page.locator('#state');
    const before = events.length;

    await page.click('#call');
    await expect.poll(() => state.innerText(), { timeout: 8000 }).toBe('connected');
    await expect.poll(() => level('#agent-level'), { timeout: 8000, interval: 10 }).toBeGreaterThan(50);
    // The fake microphone beeps once a second.
    await expect.poll(() => level('#you-level'), { timeout: 8000, interval: 10 }).toBeGreaterThan(50);
    await expect.poll(() => page.innerText('#said'), { timeout: 8000 }).toContain('Good day.');
    await page.click('[data-key="5"]');
    await expect.poll(() => page.innerText('#said'), { timeout: 8000 }).toContain('pressed 5');
    await page.click('#hangup');
    await expect.poll(() => state.innerText()).toBe('call ended');

    const created = events.slice(before).find((event) => event.type === 'call.created');
    const from = created?.type === 'call.created' ? created.data.from : '';
    await until(() => eventsOf(from).at(-1)?.type === 'call.ended', 'the end of the call');
    expect(eventsOf(from).filter((event) => event.type === 'dtmf.received')).toMatchObject([{ data: { digit: '5' } }]);
    expect(eventsOf(from).at(-1)).toMatchObject({ data: { reason: 'caller_hangup' } });
    expect(problems).toEqual([]);
    const { caller } = await readRecording(join(folder, 'data'), created?.callId ?? '');
    expect(rmsDbfs(caller)).toBeGreaterThan(-50);
  });

  it('lets a recorded caller speak where there is no microphone', async () => {
    const { page, problems } = await openPage(browser);
    await page.goto(`${origin}/phone`);
    const said = page.locator('#said');

    await page.uncheck('#microphone');
    await page.click('#call');
    await expect.poll(() => said.innerText(), { timeout: 8000 }).toContain('Good day.');
    await page.click('[data-sample="caller/03-location.wav"]');
    await expect.poll(() => said.innerText(), { timeout: 8000 }).toContain('you location');
    await expect.poll(() => page.locator('.sample.playing').count(), { timeout: 8000 }).toBe(0);
    await page.click('#hangup');
    await expect.poll(() => page.innerText('#state')).toBe('call ended');

    expect(problems).toEqual([]);
  });
});

describe('the phone line', () => {
  const strangers: readonly (readonly [who: string, headers: Readonly<Record<string, string>>, words: string])[] = [
    ['a page of another site', { origin: 'https://evil.example' }, 'another site'],
    ['a page without an origin', { origin: 'null' }, 'another site'],
    ['a page of another port', { origin: 'http://127.0.0.1:1' }, 'another site'],
    ['a name that leads here', { host: 'evil.example' }, 'evil.example'],
    ['a name that looks like ours', { host: '127.0.0.1.evil.example' }, '127.0.0.1.evil.example'],
  ];
  it.each(strangers)('is refused to %s', async (_who, headers, words) => {
    const socket = new WebSocket(`${origin.replace('http', 'ws')}/phone/socket`, { headers });
    const answer = await new Promise<{ status: number | undefined; type: string | undefined; body: string }>(
      (resolve, reject) => {
        socket.on('open', () => reject(new Error('it was let in')));
        socket.on('error', () => undefined);
        socket.on('unexpected-response', (_request, response) => {
          let body = '';
          response.setEncoding('utf8').on('data', (text: string) => (body += text));
          const { statusCode: status } = response;
          response.on('end', () => resolve({ status, type: response.headers['content-type'], body }));
        });
      },
    );

    expect(answer).toMatchObject({ status: 403, type: 'application/problem+json; charset=utf-8' });
    expect(JSON.parse(answer.body)).toMatchObject({
      status: 403,
      code: 'unauthorized',
      detail: expect.stringContaining(words) as string,
    });
    const page = await running.gateway.app.inject({
      url: '/phone',
      headers: { host: new URL(origin).host, ...headers },
    });
    expect(page.statusCode).toBe(403);
  });

  it('is refused to another machine', async () => {
    const { host } = new URL(origin);
    const remote = await running.gateway.app.inject({ url: '/phone', headers: { host }, remoteAddress: '192.0.2.7' });
    const local = await running.gateway.app.inject({
      url: '/phone',
      headers: { host },
      remoteAddress: '::ffff:127.0.0.1',
    });

    expect([remote.statusCode, local.statusCode]).toEqual([403, 200]);
  });

  it('is where the bare address leads', async () => {
    const page = await running.gateway.app.inject({ url: '/', headers: { host: new URL(origin).host } });

    expect([page.statusCode, page.headers.location]).toEqual([302, '/phone']);
  });

  it.each(['localhost', '[::1]', '127.0.0.1'])('answers under the name %s', async (name) => {
    const host = `${name}:${running.gateway.port}`;
    const answer = await running.gateway.app.inject({ url: '/phone', headers: { host, origin: `http://${host}` } });

    expect(answer.statusCode).toBe(200);
  });

  it('survives garbage, and says what it does not understand', async () => {
    const socket = new WebSocket(`${origin.replace('http', 'ws')}/phone/socket`);
    const told: unknown[] = [];
    socket.on('message', (data, isBinary) => {
      if (!isBinary) told.push(JSON.parse((data as Buffer).toString('utf8')));
    });
    await new Promise((resolve) => socket.once('open', resolve));

    for (const text of ['{', '[]', '{"type":"dance"}', '{"type":"call","to":"911"}', '{"type":"press","digits":"5"}']) {
      socket.send(text);
    }
    socket.send(Buffer.alloc(321));
    socket.send('{"type":"play","sample":"../../etc/passwd"}');
    socket.send('{"type":"hangup"}');
    await until(() => told.length === 6, 'six refusals');

    expect(told.every((each) => (each as { type: string }).type === 'refused')).toBe(true);
    socket.send('{"type":"call","to":"+13125550178"}');
    socket.send('{"type":"call","to":"+13125550178"}');
    await until(() => told.some((each) => (each as { type: string }).type === 'answered'), 'the answer');
    expect(told.at(7)).toEqual({ type: 'refused', reason: 'this phone is in a call' });
    const { from } = told.find((each) => (each as { type: string }).type === 'calling') as { from: string };
    // Hung up by a phone that is thrown away.
    socket.terminate();
    await until(() => eventsOf(from).at(-1)?.type === 'call.ended', 'the end of the call');
    expect(eventsOf(from).at(-1)).toMatchObject({ data: { reason: 'caller_hangup' } });
  });

  it('drops what would be said late instead of letting the delay grow', async () => {
    const socket = new WebSocket(`${origin.replace('http', 'ws')}/phone/socket`);
    let from = '';
    const answered = new Promise<void>((resolve) => {
      socket.on('message', (data, isBinary) => {
        if (isBinary) return;
        const event = JSON.parse((data as Buffer).toString('utf8')) as { type: string; from?: string };
        from = event.from ?? from;
        if (event.type === 'answered') resolve();
      });
    });
    await new Promise((resolve) => socket.once('open', resolve));
    socket.send('{"type":"call","to":"+13125550178"}');
    await answered;
    await until(() => eventsOf(from).some((event) => event.type === 'turn.ended'), 'the greeting');

    // Five seconds of tone at once; one second of it may wait.
    const tone = Buffer.from(sine({ hz: 400, ms: 20 }).buffer);
    for (let piece = 0; piece < 250; piece++) socket.send(tone);
    const call = running.emulator?.liveCalls().find((each) => each.from === from);
    const start = call?.sample ?? 0;
    await until(() => (call?.sample ?? 0) > start + 16_000, 'two seconds');
    socket.close();
    await until(() => eventsOf(from).at(-1)?.type === 'call.ended', 'the end of the call');

    const { caller } = await readRecording(join(folder, 'data'), eventsOf(from)[0]?.callId ?? '');
    const loud = caller.filter((sample) => Math.abs(sample) > 4000).length;
    // A sine is above half its peak for two thirds of the time.
    expect(loud / 8000).toBeGreaterThan(0.5);
    expect(loud / 8000).toBeLessThan(0.8);
  });
});
