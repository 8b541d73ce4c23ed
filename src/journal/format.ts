/**
 * The journal: one file per call, JSON Lines, a head record first, then one record per line. This file is the whole
 * grammar; `docs/journal.md` tells it to outside readers. What the `d` of a record means is its maker's business.
 */
export const JOURNAL_FORMAT = 'landline-journal';

/** Version of the grammar that this code writes, and the newest that it reads. */
export const JOURNAL_VERSION = 1;

/** The content of a record: `type` names the input, effect, event or note; the rest must survive JSON. */
export interface JournalData {
  readonly type: string;
  readonly [key: string]: unknown;
}

/**
 * First line of a file. A second one further down means that another process took the live call over: its two clocks
 * hold from there on.
 */
export interface HeadRecord {
  readonly k: 'head';
  readonly format: typeof JOURNAL_FORMAT;
  readonly version: typeof JOURNAL_VERSION;
  readonly callId: string;
  /** Everything random in the call derives from it. */
  readonly seed: string;
  /** ISO 8601 wall time. */
  readonly createdAt: string;
  /** The same moment on both clocks of the writing process, milliseconds: `wall = wallMs + (mono - monoMs)`. */
  readonly wallMs: number;
  readonly monoMs: number;
  /** Name and version of the writer, e.g. `landline 0.1.0`. */
  readonly software: string;
}

interface Stamped {
  /** Per-call sequence number: inputs, effects, events and the end share one increasing count. */
  readonly s: number;
  /** Logical milliseconds since the call's first input, written to 0.001. */
  readonly t: number;
  readonly d: JournalData;
}

/** What came in through the door. */
export interface InputRecord extends Stamped {
  readonly k: 'in';
  /** The leg it belongs to: `caller`, `callee` or `target`. */
  readonly leg?: string;
}

/** What the call decided to do. An intent is written before it is carried out. */
export interface EffectRecord extends Stamped {
  readonly k: 'fx';
  readonly leg?: string;
}

/** What people are shown (`/v1/events`); `id` is the event's public id. */
export interface EventRecord extends Stamped {
  readonly k: 'ev';
  readonly id: string;
}

/** Said beside the sequence, e.g. a gap; also every record of a kind that this version does not know. */
export interface NoteRecord {
  readonly k: 'note';
  readonly t: number;
  readonly d: JournalData;
}

/** The last record: nothing follows. */
export interface EndRecord extends Stamped {
  readonly k: 'end';
}

export type JournalRecord = HeadRecord | InputRecord | EffectRecord | EventRecord | NoteRecord | EndRecord;

export type ParsedRecord =
  | { readonly ok: true; readonly record: JournalRecord }
  /** `newerVersion`: a head written by a later Landline; the lines below it cannot be trusted to mean what we think. */
  | { readonly ok: false; readonly reason: string; readonly newerVersion?: number };

/**
 * One line, newline included.
 *
 * @throws TypeError when `d` holds what JSON cannot carry (a BigInt, a cycle).
 */
export function encodeRecord(record: JournalRecord): string {
  // The key order is part of the format: a person reads kind, number and time first.
  const { k } = record;
  switch (k) {
    case 'head': {
      const { format, version, callId, seed, createdAt, wallMs, monoMs, software } = record;
      return line({ k, format, version, callId, seed, createdAt, wallMs, monoMs, software });
    }
    case 'in':
    case 'fx':
      return line({ k, s: record.s, t: thousandth(record.t), leg: record.leg, d: record.d });
    case 'ev':
      return line({ k, s: record.s, t: thousandth(record.t), id: record.id, d: record.d });
    case 'note':
      return line({ k, t: thousandth(record.t), d: record.d });
    case 'end':
      return line({ k, s: record.s, t: thousandth(record.t), d: record.d });
  }
}

/** Reads one line (without its newline). Never throws. */
export function parseRecord(text: string): ParsedRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return no('not JSON');
  }
  if (!isObject(value)) return no('not an object');
  const k = value['k'];
  if (typeof k !== 'string') return no('k must be a string');
  switch (k) {
    case 'head':
      return parseHead(value);
    case 'in':
    case 'fx': {
      const stamped = parseStamped(value);
      if (typeof stamped === 'string') return no(stamped);
      const leg = value['leg'];
      if (leg === undefined) return { ok: true, record: { k, ...stamped } };
      return typeof leg === 'string' ? { ok: true, record: { k, ...stamped, leg } } : no('leg must be a string');
    }
    case 'ev': {
      const stamped = parseStamped(value);
      if (typeof stamped === 'string') return no(stamped);
      const id = value['id'];
      return typeof id === 'string' ? { ok: true, record: { k, ...stamped, id } } : no('id must be a string');
    }
    case 'end': {
      const stamped = parseStamped(value);
      return typeof stamped === 'string' ? no(stamped) : { ok: true, record: { k, ...stamped } };
    }
    case 'note': {
      const { t, d } = value;
      if (!isTime(t)) return no('t must be a number of milliseconds');
      return isData(d) ? { ok: true, record: { k, t, d } } : no('d must be an object with a type');
    }
    default: {
      // A later minor version may add kinds: keep what it says, so that nothing is lost by reading it here.
      const t = isTime(value['t']) ? value['t'] : 0;
      return { ok: true, record: { k: 'note', t, d: { type: 'unknownRecord', record: value } } };
    }
  }
}

function parseHead(value: Readonly<Record<string, unknown>>): ParsedRecord {
  const { format, version, callId, seed, createdAt, wallMs, monoMs, software } = value;
  if (format !== JOURNAL_FORMAT) return no(`format must be "${JOURNAL_FORMAT}"`);
  if (!isCount(version) || version === 0) return no('version must be a whole number');
  if (version !== JOURNAL_VERSION) {
    const reason = `journal version ${version}, this Landline reads version ${JOURNAL_VERSION}: read it with a newer Landline`;
    return { ok: false, reason, newerVersion: version };
  }
  if (typeof callId !== 'string' || typeof seed !== 'string') return no('callId and seed must be strings');
  if (typeof createdAt !== 'string' || typeof software !== 'string')
    return no('createdAt and software must be strings');
  if (!isFiniteNumber(wallMs) || !isFiniteNumber(monoMs)) return no('wallMs and monoMs must be numbers');
  return { ok: true, record: { k: 'head', format, version, callId, seed, createdAt, wallMs, monoMs, software } };
}

function parseStamped(value: Readonly<Record<string, unknown>>): Stamped | string {
  const { s, t, d } = value;
  if (!isCount(s)) return 's must be a whole number';
  if (!isTime(t)) return 't must be a number of milliseconds';
  if (!isData(d)) return 'd must be an object with a type';
  return { s, t, d };
}

function line(value: object): string {
  return JSON.stringify(value) + '\n';
}

function thousandth(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

function no(reason: string): ParsedRecord {
  return { ok: false, reason };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isData(value: unknown): value is JournalData {
  return isObject(value) && typeof value['type'] === 'string';
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isTime(value: unknown): value is number {
  return isFiniteNumber(value) && value >= 0;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
