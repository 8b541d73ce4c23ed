import { pino, type Logger } from 'pino';
import pretty from 'pino-pretty';
import type { Log } from '../core/log.ts';

export interface LogOptions {
  readonly level: string;
  readonly format: 'json' | 'pretty';
  /** 1 for a server, whose output is its log; 2 for a command, whose output is its answer. */
  readonly fd: 1 | 2;
}

/** The log of a process. */
export function createLog({ level, format, fd }: LogOptions): Log {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const logger =
    format === 'pretty'
      ? pino(
          { ...options, formatters: {} },
          pretty({ destination: fd, sync: true, translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid,hostname' }),
        )
      : pino(options, pino.destination({ fd, sync: true }));
  return wrap(logger);
}

function wrap(logger: Logger): Log {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    child: (fields) => wrap(logger.child(fields)),
  };
}
