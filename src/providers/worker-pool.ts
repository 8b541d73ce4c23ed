import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Clock, TimerHandle } from '../core/clock.ts';
import type { ProviderFailure } from './ports.ts';

/**
 * Threads for work that would block the calls: recognising and synthesising here. A job needs nothing but its own data,
 * so any worker can do it, and one that dies takes only the job it was on with it.
 */
export interface WorkerPool<Job, Result> {
  /** Does `job` as soon as a worker is free; `done` is called once, later, unless the job is cancelled before. */
  run(job: Job, done: (outcome: JobOutcome<Result>) => void): PoolJob;
  /** As `run`, but only if a worker is free this moment; undefined if none is. */
  runIfIdle(job: Job, done: (outcome: JobOutcome<Result>) => void): PoolJob | undefined;
  /** Starts the first worker if none runs and says when one is ready, or why none can be. */
  warm(done: (failure: ProviderFailure | undefined) => void): PoolJob;
  /** Ends all workers and forgets all jobs. */
  close(): Promise<void>;
}

export type JobOutcome<Result> =
  { readonly ok: true; readonly result: Result } | { readonly ok: false; readonly failure: ProviderFailure };

export interface PoolJob {
  /** `done` will not be called. A job that already runs is finished unseen. */
  cancel(): void;
}

export interface WorkerPoolOptions {
  /** What the workers do, for messages: `the embedded recogniser`. */
  readonly name: string;
  readonly script: URL;
  /** Given to every worker; must be cloneable. */
  readonly workerData: unknown;
  /** Most workers at a time; they are started as they are needed. Default: the number of cores, at most 8. */
  readonly size?: number;
  readonly clock: Clock;
  /** A worker that needs longer for one job is ended, milliseconds. Default 10 000. */
  readonly jobMs?: number;
}

/** What a worker tells. The first message is `ready` or `unusable`, then one answer per job, in order. */
export type WorkerMessage<Result> =
  | { readonly type: 'ready' }
  | { readonly type: 'unusable'; readonly kind: ProviderFailure['kind']; readonly message: string }
  | { readonly type: 'result'; readonly result: Result }
  | { readonly type: 'failed'; readonly message: string };

/** From the start of the thread to `ready`. 0.2 s here; a busy machine may need many times that. */
const LOAD_MS = 20_000;
/** Jobs waiting for a worker beyond this are refused: they could only be answered too late. */
const MAX_WAITING = 256;

interface Task<Job, Result> {
  readonly job: Job;
  readonly done: (outcome: JobOutcome<Result>) => void;
  cancelled: boolean;
}

interface Member<Job, Result> {
  readonly worker: Worker;
  ready: boolean;
  task: Task<Job, Result> | undefined;
  timer: TimerHandle | undefined;
  /** Set before the pool ends it: its exit is then no news. */
  dismissed: boolean;
}

/** The URL of a worker's file beside `importMetaUrl`: `.ts` where the sources run as they are, `.js` in the built package. */
export function workerUrl(name: string, importMetaUrl: string): URL {
  return new URL(`./${name}${importMetaUrl.endsWith('.ts') ? '.ts' : '.js'}`, importMetaUrl);
}

export function createWorkerPool<Job, Result>(options: WorkerPoolOptions): WorkerPool<Job, Result> {
  const { name, script, workerData, clock, size = Math.min(8, availableParallelism()), jobMs = 10_000 } = options;
  const members = new Set<Member<Job, Result>>();
  const waiting: Task<Job, Result>[] = [];
  const warming = new Set<(failure: ProviderFailure | undefined) => void>();
  let closed = false;

  const start = (): void => {
    // No environment: keys stay in the main thread. No flags: a test runner's would not fit. What it prints is not shown,
    // and not read either: reading would keep the process alive.
    const worker = new Worker(script, { workerData, env: {}, execArgv: [], stdout: true, stderr: true });
    const member: Member<Job, Result> = { worker, ready: false, task: undefined, timer: undefined, dismissed: false };
    members.add(member);
    let reason = '';
    member.timer = clock.after(LOAD_MS, () => lose(member, failure('timeout', `did not start within ${LOAD_MS} ms`)));
    worker.on('message', (message: WorkerMessage<Result>) => hear(member, message));
    worker.on('messageerror', (error) => lose(member, failure('malformed', error.message)));
    worker.on('error', (error) => (reason = `: ${error instanceof Error ? error.message : String(error)}`));
    worker.on('exit', (code) => lose(member, failure('dropped', `ended unexpectedly (exit code ${code})${reason}`)));
  };

  const failure = (kind: ProviderFailure['kind'], message: string): ProviderFailure => ({
    kind,
    message: `${name} ${message}`,
    retryable: kind !== 'missing' && kind !== 'bad_request',
  });

  const hear = (member: Member<Job, Result>, message: WorkerMessage<Result>): void => {
    if (member.dismissed) return;
    if (message.type === 'unusable') {
      lose(member, { kind: message.kind, message: message.message, retryable: false });
      return;
    }
    member.timer?.cancel();
    if (message.type === 'ready') {
      member.ready = true;
      warmed(undefined);
    } else {
      const { task } = member;
      member.task = undefined;
      const outcome: JobOutcome<Result> =
        message.type === 'result'
          ? { ok: true, result: message.result }
          : { ok: false, failure: failure('server', message.message) };
      if (task && !task.cancelled) task.done(outcome);
    }
    if (!member.task) giveWork(member);
  };

  const warmed = (why: ProviderFailure | undefined): void => {
    const told = [...warming];
    warming.clear();
    for (const done of told) done(why);
  };

  /** A worker that is gone, or must go: only its own job fails, unless it could not even start. */
  const lose = (member: Member<Job, Result>, why: ProviderFailure): void => {
    if (member.dismissed) return;
    dismiss(member);
    const { task } = member;
    if (task && !task.cancelled) task.done({ ok: false, failure: why });
    if (!member.ready && ![...members].some((other) => other.ready)) {
      for (const lost of waiting.splice(0)) if (!lost.cancelled) lost.done({ ok: false, failure: why });
      warmed(why);
    } else if (waiting.length > 0 && members.size < size) start();
  };

  const dismiss = (member: Member<Job, Result>): void => {
    member.dismissed = true;
    member.timer?.cancel();
    members.delete(member);
    void member.worker.terminate();
  };

  const giveWork = (member: Member<Job, Result>): void => {
    let task = waiting.shift();
    while (task?.cancelled) task = waiting.shift();
    if (task) assign(member, task);
    // An idle worker does not keep the process alive.
    else member.worker.unref();
  };

  const assign = (member: Member<Job, Result>, task: Task<Job, Result>): void => {
    member.task = task;
    member.timer = clock.after(jobMs, () => lose(member, failure('timeout', `did not finish within ${jobMs} ms`)));
    member.worker.ref();
    member.worker.postMessage(task.job);
  };

  const idle = (): Member<Job, Result> | undefined => [...members].find((member) => member.ready && !member.task);

  const taskOf = (job: Job, done: (outcome: JobOutcome<Result>) => void): Task<Job, Result> => ({
    job,
    done,
    cancelled: false,
  });
  const handleOf = (task: Task<Job, Result>): PoolJob => ({ cancel: () => void (task.cancelled = true) });

  return {
    run(job, done) {
      const task = taskOf(job, done);
      if (closed) return handleOf(task);
      const member = idle();
      if (member) assign(member, task);
      else if (waiting.length >= MAX_WAITING) {
        const why = failure('rate_limited', `has ${MAX_WAITING} jobs waiting already`);
        clock.after(0, () => task.cancelled || done({ ok: false, failure: why }));
      } else {
        waiting.push(task);
        if (members.size < size) start();
      }
      return handleOf(task);
    },
    runIfIdle(job, done) {
      const member = closed ? undefined : idle();
      if (!member) return undefined;
      const task = taskOf(job, done);
      assign(member, task);
      return handleOf(task);
    },
    warm(done) {
      let cancelled = false;
      const tell = (why: ProviderFailure | undefined): void => {
        if (!cancelled) done(why);
      };
      if (!closed) {
        if ([...members].some((member) => member.ready)) clock.after(0, () => tell(undefined));
        else {
          warming.add(tell);
          if (members.size === 0) start();
        }
      }
      return {
        cancel() {
          cancelled = true;
          warming.delete(tell);
        },
      };
    },
    async close() {
      closed = true;
      waiting.length = 0;
      warming.clear();
      const ending = [...members].map((member) => {
        dismiss(member);
        return member.worker.terminate();
      });
      await Promise.all(ending);
    },
  };
}
