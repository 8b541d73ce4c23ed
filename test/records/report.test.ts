import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Browser } from 'playwright-core';
import { readWav } from '../../src/audio/wav.ts';
import { sine } from '../../src/audio/tones.ts';
import type { CallStory, StoryTurn } from '../../src/records/call-story.ts';
import { renderReport } from '../../src/records/report.ts';
import { waveformOf, waveformPath } from '../../src/records/waveform.ts';
import { launchBrowser, openPage } from '../browser.ts';

const turn = (more: Partial<StoryTurn> & Pick<StoryTurn, 'role' | 'text' | 'startMs' | 'endMs'>): StoryTurn => ({
  turn: 1,
  by: 'voice',
  unheard: '',
  interrupted: false,
  latency: undefined,
  ...more,
});

/** What a caller says to break the page. */
const HOSTILE = `</script><img src=x onerror="document.title='hacked'"> & "quoted" 'single' <b>bold</b>`;

const STORY: CallStory = {
  callId: 'call_1',
  direction: 'inbound',
  from: '+14155550142',
  to: '+13125550178',
  agent: 'hotel',
  createdAt: '2026-01-05T09:00:00.000Z',
  durationMs: 6000,
  endReason: 'transferred',
  turns: [
    turn({ role: 'agent', text: 'Good day, this is the hotel.', startMs: 100, endMs: 1400 }),
    turn({ role: 'caller', text: HOSTILE, startMs: 1600, endMs: 2400 }),
    turn({
      role: 'agent',
      text: 'We are open',
      unheard: 'day and night.',
      interrupted: true,
      startMs: 3000,
      endMs: 3800,
      latency: { endOfTurnMs: 510, firstTokenMs: 520, firstAudioMs: 640 },
    }),
    turn({ role: 'caller', text: '42', by: 'keys', startMs: 4000, endMs: 4400 }),
    turn({ role: 'caller', text: '', by: 'unclear', startMs: 4500, endMs: 4900 }),
  ],
  moments: [
    { kind: 'key', atMs: 4000, text: 'caller pressed 4' },
    { kind: 'key', atMs: 4400, text: 'caller pressed 2' },
    { kind: 'transfer', atMs: 5000, text: 'transfer to desk' },
    { kind: 'end', atMs: 6000, text: 'transferred' },
  ],
};
const RECORDING = { caller: sine({ hz: 300, ms: 6000 }), agent: sine({ hz: 500, ms: 6000, level: 3000 }) };
const CONTENT = {
  story: STORY,
  recording: RECORDING,
  sources: {
    caller: { tag: 'recognition', explanation: 'Recognised from the sound.' },
    agent: { tag: 'script', explanation: 'Chosen by a script.' },
  },
  checks: [
    { name: 'keys arrived', passed: true, detail: '42' },
    { name: 'no holes', passed: false, detail: '<3 underruns>' },
  ],
};

describe('a report in a browser', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());

  it('shows every turn, its source and its time, and runs nothing that a caller said', async () => {
    const { page, problems } = await openPage(browser);
    await page.setContent(renderReport(CONTENT));

    const said = await page.locator('.said li').allInnerTexts();
    const spans = page.locator('.span');
    expect(said.map((text) => text.replace(/\s+/g, ' '))).toEqual([
      '0:00 agentscript Good day, this is the hotel.',
      `0:01 callerrecognition ${HOSTILE}`,
      '0:03 agentscriptinterrupted0.64 s We are open day and night.',
      '0:04 callerkeypad 42',
      '0:04 callerrecognition not understood',
      '0:05 ⇄ transfer to desk',
      '0:06 ■ transferred',
    ]);
    expect(await page.locator('.said s').innerText()).toBe('day and night.');
    expect(await spans.allInnerTexts()).toEqual([
      HOSTILE,
      'not understood',
      'Good day, this is the hotel.',
      'We are open',
    ]);
    expect(await page.locator('.flag').allInnerTexts()).toEqual(['4', '2', '⇄', '■']);
    expect(await page.locator('table tr').allInnerTexts()).toEqual([
      'pass\tkeys arrived\t42',
      'FAIL\tno holes\t<3 underruns>',
    ]);
    for (const box of await Promise.all((await spans.all()).map((span) => span.boundingBox()))) {
      expect(box?.width).toBeGreaterThan(20);
      expect(box?.height).toBeGreaterThan(20);
    }
    expect(await page.title()).toBe('Call +14155550142 → +13125550178');
    expect(await page.locator('img').count()).toBe(0);
    expect(problems).toEqual([]);
  });

  it('draws both sides to one scale', async () => {
    const { page } = await openPage(browser);
    await page.setContent(renderReport(CONTENT));

    const [caller, agent] = await Promise.all(
      (await page.locator('.wave path').all()).map((path) => path.boundingBox()),
    );

    expect(caller?.height).toBeGreaterThan(70);
    // The agent is at 3000 of the caller's 8192.
    expect((agent?.height ?? 0) / (caller?.height ?? 1)).toBeCloseTo(3000 / 8192, 1);
  });

  it('plays its own audio with a cursor that follows, and jumps to a turn', async () => {
    const { page, problems } = await openPage(browser);
    await page.setContent(renderReport(CONTENT));
    const audio = (what: 'duration' | 'currentTime' | 'paused'): Promise<unknown> =>
      page.evaluate(`document.getElementById('audio').${what}`);
    const left = async (): Promise<number> => (await page.locator('#cursor').boundingBox())?.x ?? NaN;
    await expect.poll(() => audio('duration')).toBe(6);
    const start = await left();

    await page.click('#play');
    await expect.poll(() => audio('currentTime')).toBeGreaterThan(0.2);

    expect(await left()).toBeGreaterThan(start);
    expect(await page.locator('.said li.heard').count()).toBe(1);
    await page.click('#play');
    expect(await audio('paused')).toBe(true);

    await page.click('.agent .span.cut');
    await expect.poll(() => audio('currentTime')).toBeGreaterThan(3);
    expect(await page.locator('.said li.heard').innerText()).toContain('We are open');
    expect(problems).toEqual([]);
  });

  it.each([
    ['a phone, light', 360, 'light'],
    ['a phone, dark', 360, 'dark'],
    ['a desk, dark', 1400, 'dark'],
  ] as const)('fits the screen of %s, and its text can be read', async (_name, width, colorScheme) => {
    const { page } = await openPage(browser, { viewport: { width, height: 800 }, colorScheme });
    await page.setContent(renderReport(CONTENT));

    const scrollWidth = await page.evaluate('document.documentElement.scrollWidth');
    const paper = brightness(await page.evaluate('getComputedStyle(document.body).backgroundColor'));
    const ink = brightness(await page.evaluate('getComputedStyle(document.body).color'));

    expect(scrollWidth).toBe(width);
    expect(Math.abs(paper - ink)).toBeGreaterThan(150);
    expect(paper < ink).toBe(colorScheme === 'dark');
  });

  it.each([
    ['was not recorded', undefined, 'This call was not recorded.'],
    ['is longer than a page can carry', longRecording(260), 'The recording is too long to lie in this page.'],
  ])('says so when the call %s', async (_why, recording, words) => {
    const { page, problems } = await openPage(browser);
    await page.setContent(renderReport({ story: STORY, recording }));

    expect(await page.locator('.player').innerText()).toContain(words);
    expect(await page.locator('audio').count()).toBe(0);
    expect(await page.locator('.span').count()).toBe(4);
    expect(problems).toEqual([]);
  });
});

describe('the audio of a report', () => {
  it.each([
    [100, 'pcm16'],
    [200, 'PCMU'],
  ])('of %i s is carried as %s', (seconds, encoding) => {
    const html = renderReport({ story: STORY, recording: longRecording(seconds) });

    const base64 = /src="data:audio\/wav;base64,([^"]+)"/.exec(html)?.[1] ?? '';
    const wav = readWav(Buffer.from(base64, 'base64'));

    expect([wav.encoding, wav.sampleRate, wav.channels.length]).toEqual([encoding, 8000, 2]);
    expect(wav.channels[0]?.length).toBe(seconds * 8000);
  });
});

describe('a waveform', () => {
  it('shows the smallest and largest sample of each stretch', () => {
    expect(waveformOf(Int16Array.of(1, 5, -3, 2, -7, 4), 3)).toEqual({
      min: Int16Array.of(0, -3, -7),
      max: Int16Array.of(5, 2, 4),
    });
  });

  it('loses no peak, however it is cut', () => {
    fc.assert(
      fc.property(
        fc.int16Array({ minLength: 1, maxLength: 400 }),
        fc.integer({ min: 1, max: 300 }),
        (samples, count) => {
          const { min, max } = waveformOf(samples, count);
          expect(Math.max(...max)).toBe(Math.max(0, ...samples));
          expect(Math.min(...min)).toBe(Math.min(0, ...samples));
        },
      ),
    );
  });

  it('is a closed area from the left to the right edge', () => {
    expect(waveformPath({ min: Int16Array.of(-50, -100), max: Int16Array.of(100, 50) }, 10, 100)).toBe(
      'M0 10L0 0.0L1 5.0L1 20.0L0 15.0Z',
    );
  });
});

function longRecording(seconds: number): typeof RECORDING {
  return { caller: new Int16Array(seconds * 8000), agent: new Int16Array(seconds * 8000) };
}

function brightness(rgb: string): number {
  const [r = 0, g = 0, b = 0] = (rgb.match(/\d+/g) ?? []).map(Number);
  return (r + g + b) / 3;
}
