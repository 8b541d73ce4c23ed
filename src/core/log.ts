/** Fields of a log line. Personal data (numbers, transcripts, digits) goes in masked or not at all. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What rooms log through; the CLI gives it pino, tests give {@link silentLog}. Messages are static, values are fields. */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A logger that adds `fields` to every line. */
  child(fields: LogFields): Log;
}

export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};

/** `+13125550178` -> `+1312•••78`: enough to recognise, too little to call. `sip:` targets keep their domain. */
export function maskNumber(number: string | null | undefined): string {
  if (!number) return 'unknown';
  const sip = /^sips?:([^@]*)@(.+)$/.exec(number);
  if (sip) return `sip:•••@${sip[2] ?? ''}`;
  return number.length < 7 ? '•••' : `${number.slice(0, 5)}•••${number.slice(-2)}`;
}

/** A transfer target: a name of the operator's list as it is, a number or SIP address masked. */
export function maskTarget(target: string | null | undefined): string {
  if (target && /^[A-Za-z][\w-]{0,63}$/.test(target)) return target;
  return maskNumber(target?.replace(/^tel:/, ''));
}

/** First and last characters of a token-like id: enough to find it, useless to command a call with. */
export function maskId(id: string | null | undefined): string {
  if (!id) return 'none';
  return id.length <= 12 ? '•••' : `${id.slice(0, 6)}•••${id.slice(-4)}`;
}
