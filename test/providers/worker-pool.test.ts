import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/core/clock.ts';
import type { ProviderFailure } from '../../src/providers/ports.ts';
import { createWorkerPool, workerUrl, type JobOutcome, type WorkerPool } from '../../src/providers/worker-pool.ts';

/** Echoes its job; `die`, `hang` and `fail` do so. With `workerData` false it is unusable. */
const WORKER = `
  import { parentPort, workerData } from 'node:worker_threads';
  if (workerData === 'crash') throw new Error('bad module');
  parentPort.on('message', (job) => {
    if (job === 'die') process.exit(4);
    if (job === 'hang') return;
    parentPort.postMessage(job === 'fail' ? { type: 'failed', message: 'no' } : { type: 'result', result: job });
  });
  parentPort.postMessage(workerData === 'unusable' ? { type: 'unusable', kind: 'bad_request', message: 'not like this' } : { type: 'ready' });
`;
const script = new URL(`data:text/javascript,${encodeURIComponent(WORKER)}`);

describe('a worker pool', () => {
  const clock = new VirtualClock();
  const pools: WorkerPool<string, string>[] = [];
  const create = (size: number, workerData = ''): WorkerPool<string, string> => {
    const pool = createWorkerPool<string, string>({ name: 'the echo', script, workerData, clock, size });
    pools.push(pool);
    return pool;
  };
  const run = (pool: WorkerPool<string, string>, job: string): Promise<JobOutcome<string>> =>
    new Promise((done) => pool.run(job, done));
  const warm = (pool: WorkerPool<string, string>): Promise<ProviderFailure | undefined> =>
    new Promise((done) => pool.warm(done));
  afterEach(() => Promise.all(pools.splice(0).map((pool) => pool.close())));

  it('answers jobs in order when there is one worker', async () => {
    const pool = create(1);
    const order: string[] = [];

    await Promise.all(['a', 'b', 'c'].map(async (job) => order.push(JSON.stringify(await run(pool, job)))));

    expect(order).toEqual(['a', 'b', 'c'].map((result) => JSON.stringify({ ok: true, result })));
  });

  it('tells a job that failed from a worker that died, and goes on after both', async () => {
    const pool = create(1);

    expect(await Promise.all(['fail', 'die', 'a'].map((job) => run(pool, job)))).toEqual([
      { ok: false, failure: { kind: 'server', message: 'the echo no', retryable: true } },
      {
        ok: false,
        failure: { kind: 'dropped', message: 'the echo ended unexpectedly (exit code 4)', retryable: true },
      },
      { ok: true, result: 'a' },
    ]);
  });

  it('ends a worker that hangs, and gives the next job to a new one', async () => {
    const pool = create(1);
    await run(pool, 'a');

    const hanging = run(pool, 'hang');
    const waiting = run(pool, 'b');
    clock.advance(10_000);

    expect(await hanging).toEqual({
      ok: false,
      failure: { kind: 'timeout', message: 'the echo did not finish within 10000 ms', retryable: true },
    });
    expect(await waiting).toEqual({ ok: true, result: 'b' });
  });

  it('never answers a job that was cancelled', async () => {
    const pool = create(1);
    const answered: string[] = [];
    const first = pool.run('a', () => answered.push('a'));
    pool.run('b', () => answered.push('b')).cancel();
    first.cancel();

    await run(pool, 'c');

    expect(answered).toEqual([]);
  });

  it('takes extra work only when a worker is free', async () => {
    const pool = create(1);
    expect(pool.runIfIdle('early', () => {})).toBeUndefined();
    await warm(pool);

    const outcome = new Promise((done) => pool.runIfIdle('a', done));
    expect(pool.runIfIdle('b', () => {})).toBeUndefined();

    expect(await outcome).toEqual({ ok: true, result: 'a' });
  });

  it('refuses jobs beyond its queue', async () => {
    const pool = create(1);
    const outcomes = Array.from({ length: 258 }, (_, i) => run(pool, String(i)));
    clock.advance(0);

    expect((await Promise.all(outcomes)).filter((outcome) => !outcome.ok)).toEqual(
      Array.from({ length: 2 }, () => ({
        ok: false,
        failure: { kind: 'rate_limited', message: 'the echo has 256 jobs waiting already', retryable: true },
      })),
    );
  });

  it('says why no worker can start, to everybody who waits', async () => {
    const pool = create(2, 'unusable');
    const failure = { kind: 'bad_request', message: 'not like this', retryable: false };

    expect(await Promise.all([warm(pool), run(pool, 'a')])).toEqual([failure, { ok: false, failure }]);
  });

  it('says what a worker threw that could not even load', async () => {
    expect(await warm(create(1, 'crash'))).toMatchObject({
      kind: 'dropped',
      message: 'the echo ended unexpectedly (exit code 1): bad module',
    });
  });

  it('is silent once it is closed', async () => {
    const pool = create(1);
    const answered: unknown[] = [];
    pool.warm((failure) => answered.push(failure));
    pool.run('a', (outcome) => answered.push(outcome));

    await pool.close();
    pool.run('b', (outcome) => answered.push(outcome));
    pool.warm((failure) => answered.push(failure));
    await run(create(1), 'elsewhere');

    expect(answered).toEqual([]);
  });
});

it('lets the process end while its workers are idle', async () => {
  const program = `
    import { systemClock } from './src/core/clock.ts';
    import { createEmbeddedTts } from './src/providers/tts/embedded.ts';
    const tts = createEmbeddedTts({ clock: systemClock, workers: 1 });
    const session = tts.open({ format: { codec: 'PCMU', sampleRate: 8000 }, language: 'en' }, (event) => {
      if (event.type === 'ttsDone') console.log('said');
    });
    session.begin(1);
    session.text('Hello.');
    session.end();
  `;
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { timeout: 25_000 });

  expect(await run).toEqual({ stdout: 'said\n', stderr: '' });
});

describe('the file of a worker', () => {
  it.each([
    ['file:///clone/src/providers/stt/embedded.ts', 'file:///clone/src/providers/stt/embedded-worker.ts'],
    [
      'file:///app/node_modules/landline/dist/src/providers/stt/embedded.js',
      'file:///app/node_modules/landline/dist/src/providers/stt/embedded-worker.js',
    ],
  ])('beside %s is %s', (from, to) => {
    expect(workerUrl('embedded-worker', from).href).toBe(to);
  });
});
