import { fork } from 'node:child_process';

/** What a process of the bench can be asked to do, by name. Arguments and answers must survive JSON. */
export type Handlers = Readonly<Record<string, (argument: never) => unknown>>;

/** A process of the bench, as its parent sees it. */
export interface Child<H extends Handlers> {
  ask<K extends keyof H & string>(what: K, ...argument: Parameters<H[K]>): Promise<Awaited<ReturnType<H[K]>>>;
  /** Ends it and waits until it is gone. */
  stop(): Promise<void>;
}

interface Question {
  readonly id: number;
  readonly what: string;
  readonly argument: unknown;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/**
 * Starts `file` of this folder in a process of its own, so that what is measured and what measures it share no heap, no
 * event loop and no compiled code.
 */
export function startChild<H extends Handlers>(file: string, execArgv: readonly string[] = []): Child<H> {
  const child = fork(new URL(file, import.meta.url), { execArgv: [...execArgv] });
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let last = 0;
  child.on('message', (message) => {
    const { id, result, error } = message as Answer;
    const asked = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) asked?.resolve(result as never);
    else asked?.reject(new Error(`${file}: ${error}`));
  });
  const exited = new Promise<void>((resolve) => {
    child.on('exit', (code, signal) => {
      for (const { reject } of waiting.values()) reject(new Error(`${file} exited with ${signal ?? code ?? '?'}`));
      waiting.clear();
      resolve();
    });
  });
  return {
    ask: (what, ...argument) =>
      new Promise((resolve, reject) => {
        const question: Question = { id: ++last, what, argument: argument[0] };
        waiting.set(question.id, { resolve, reject });
        child.send(question);
      }),
    stop: async () => {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

/** The other end: answers the parent until it goes, then exits. */
export function serveParent(handlers: Handlers): void {
  process.on('message', (message) => {
    const { id, what, argument } = message as Question;
    void Promise.resolve()
      .then(() => handlers[what]?.(argument as never))
      .then(
        (result) => process.send?.({ id, result } satisfies Answer),
        (thrown: unknown) => process.send?.({ id, error: thrown instanceof Error ? thrown.message : String(thrown) }),
      );
  });
  process.on('disconnect', () => process.exit());
}

/** What the server processes tell of themselves. CPU of all threads since the start, milliseconds; memory in bytes. */
export interface Usage {
  readonly cpuMs: number;
  readonly rss: number;
  readonly heapUsed: number;
}

/** @param collect garbage first, where the process was started with `--expose-gc`. */
export function usage(collect = false): Usage {
  if (collect) globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  return { cpuMs: (user + system) / 1000, rss, heapUsed };
}
