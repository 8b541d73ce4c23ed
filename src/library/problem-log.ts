import type { Log, LogFields } from '../core/log.ts';

/** For programs that bring no log of their own: warnings and errors as JSON lines on stderr, nothing else. */
export function problemLog(bound: LogFields = {}): Log {
  const at = (level: 'warn' | 'error') => (fields: LogFields, message: string) => {
    process.stderr.write(
      `${JSON.stringify({ level, time: new Date().toISOString(), ...bound, ...fields, msg: message })}\n`,
    );
  };
  return {
    debug: () => undefined,
    info: () => undefined,
    warn: at('warn'),
    error: at('error'),
    child: (fields) => problemLog({ ...bound, ...fields }),
  };
}
