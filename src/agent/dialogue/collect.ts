import type { CollectOutcome, CollectRequest } from '../../tools/collect-digits.ts';
import { hideDigits } from '../spoken-digits.ts';
import { holdRecording } from './recording.ts';
import { cutSpeech, endText, endTool, pauseText, sayLine, speakLine } from './speaking.ts';
import type { DialogueState, Draft } from './state.ts';

/** Who wants the digits: a tool call of the model, or code, by the number of its request. */
export type Asker =
  { readonly type: 'model'; readonly toolCallId: string } | { readonly type: 'code'; readonly request: string };

/** An entry under way. Its digits are nowhere else. */
export interface Collection {
  readonly asker: Asker;
  readonly request: CollectRequest;
  readonly digits: string;
  readonly retriesLeft: number;
  /** The wait for the next digit has begun. */
  readonly isWaiting: boolean;
  /** How often the wait was prolonged because the caller was speaking. */
  readonly prolonged: number;
}

/** What still belongs to an entry that is over. */
export interface EntryTail {
  readonly isSensitive: boolean;
  /** A terminator that may follow an entry that ended by its length. */
  readonly terminator: string | undefined;
}

/**
 * So long after an entry its last keys may still be reported (the second report of a press, a terminator, a digit too
 * many) and their tones heard.
 */
const TAIL_MS = 3000;
const MOST_PROLONGED = 3;
const SHORTEST_SECRET = 3;
/** Typical speech. */
const CHARS_PER_SECOND = 15;

/** Asks for digits, in the running turn if it has more to say, else in a turn of its own. */
export function beginCollection(d: Draft, asker: Asker, wanted: CollectRequest): void {
  const request = { ...wanted, sensitive: wanted.sensitive || d.s.config.sensitiveDigits };
  d.fx.push({ type: 'cancelTimer', name: 'idle' });
  d.s.collection = { asker, request, digits: '', retriesLeft: request.retries, isWaiting: false, prolonged: 0 };
  if (request.sensitive) holdRecording(d, true);
  const speech = d.s.speech;
  if (!speech || speech.textDone) {
    cutSpeech(d);
    sayLine(d, request.prompt);
    return;
  }
  speakLine(d, request.prompt);
  if (asker.type === 'model') {
    endText(d);
    return;
  }
  // The turn waits for the tool that asks, and does not end before it: its last word is only about known.
  pauseText(d);
  wait(d, d.s.collection, (request.prompt.length / CHARS_PER_SECOND) * 1000);
}

/** Code asks. What cannot be asked now is cancelled at once. */
export function onCollect(d: Draft, request: string, wanted: CollectRequest): void {
  const isLast = d.s.speech !== undefined && d.s.speech.after.length > 0;
  if (d.s.phase === 'live' && d.s.wrapUp === undefined && !isLast && !d.s.muted && !d.s.collection) {
    beginCollection(d, { type: 'code', request }, wanted);
    return;
  }
  const reason = d.s.collection ? 'other digits are being collected' : 'the caller cannot be asked now';
  d.fx.push({ type: 'collected', request, isSensitive: false, outcome: { status: 'cancelled', reason } });
}

/** Code does not wait any more. */
export function onCollectStop(d: Draft, request: string): void {
  const asker = d.s.collection?.asker;
  if (asker?.type === 'code' && asker.request === request) cancelCollection(d, 'nobody waits for it any more');
}

/** The caller can be waited for: their time begins, unless it runs already or something is being said. */
export function awaitDigits(d: Draft): void {
  const { collection, speech } = d.s;
  if (!collection || collection.isWaiting || speech || d.s.phase !== 'live') return;
  wait(d, collection);
}

function wait(d: Draft, collection: Collection, promptMs = 0): void {
  const { firstDigitTimeoutMs, betweenDigitsTimeoutMs } = collection.request;
  d.s.collection = { ...collection, isWaiting: true };
  const ms = collection.digits === '' ? firstDigitTimeoutMs : betweenDigitsTimeoutMs;
  d.fx.push({ type: 'setTimer', name: 'collect', ms: ms + Math.round(promptMs) });
}

/** The audio is gone, and the keys with it: the wait begins anew when it is back. */
export function suspendCollection(d: Draft): void {
  if (!d.s.collection) return;
  d.s.collection = { ...d.s.collection, isWaiting: false };
  d.fx.push({ type: 'cancelTimer', name: 'collect' });
}

/** Does this key belong to the entry that runs or has just ended? Any other key is what it always is. */
export function isOfEntry(d: Draft, key: string): boolean {
  const { collection, entryTail } = d.s;
  const isDigit = /^[0-9]$/.test(key);
  if (!collection) return key === entryTail?.terminator || (isDigit && (entryTail?.isSensitive ?? false));
  return isDigit || key === collection.request.terminator;
}

/** @returns who asked, when this key was the last one. */
export function takeKey(d: Draft, key: string): Asker | undefined {
  const { collection, entryTail } = d.s;
  if (entryTail && key === entryTail.terminator && (collection?.digits ?? '') === '') {
    // It closes the entry before, which did not wait for it.
    d.s.entryTail = { ...entryTail, terminator: undefined };
    return undefined;
  }
  if (!collection) return undefined;
  cutSpeech(d);
  return key === collection.request.terminator ? settle(d, collection) : takeDigits(d, collection, key);
}

/** @returns who asked, when the entry is over with these digits. */
export function takeDigits(d: Draft, collection: Collection, more: string): Asker | undefined {
  // One too many tells as much as a thousand.
  const entry = {
    ...collection,
    digits: (collection.digits + more).slice(0, collection.request.max + 1),
    prolonged: 0,
  };
  if (entry.digits.length >= entry.request.max) return settle(d, entry);
  wait(d, entry);
  return undefined;
}

/** The wait is over. @returns who asked, when the entry is too. */
export function onCollectTimer(d: Draft): Asker | undefined {
  const { collection, ears, voice } = d.s;
  if (!collection?.isWaiting) return undefined;
  const isSpeaking = voice.active || ears.capturing || ears.awaiting || d.s.callerTurn !== undefined;
  if (isSpeaking && collection.prolonged < MOST_PROLONGED) {
    wait(d, { ...collection, prolonged: collection.prolonged + 1 });
    return undefined;
  }
  return settle(d, collection);
}

/** Nothing more will come for now: enough, or once more, or not at all. */
function settle(d: Draft, collection: Collection): Asker | undefined {
  const { digits, request, retriesLeft } = collection;
  if (digits.length >= request.min && digits.length <= request.max) {
    return endCollection(d, collection, { status: 'collected', digits });
  }
  if (retriesLeft === 0) return endCollection(d, collection, { status: digits === '' ? 'timeout' : 'invalid', digits });
  d.fx.push({ type: 'cancelTimer', name: 'collect' });
  d.s.collection = { ...collection, digits: '', retriesLeft: retriesLeft - 1, isWaiting: false, prolonged: 0 };
  cutSpeech(d);
  sayLine(d, request.retryPrompt);
  return undefined;
}

/** Tells whoever asked. What comes next is the caller's to decide. */
export function endCollection(d: Draft, collection: Collection, outcome: CollectOutcome): Asker {
  const { asker, request } = collection;
  d.s.collection = undefined;
  d.fx.push({ type: 'cancelTimer', name: 'collect' });
  const endedByLength = outcome.status === 'collected' && outcome.digits.length === request.max;
  const terminator = endedByLength ? request.terminator : undefined;
  if (request.sensitive || terminator !== undefined) {
    d.s.entryTail = { isSensitive: request.sensitive || (d.s.entryTail?.isSensitive ?? false), terminator };
    d.fx.push({ type: 'setTimer', name: 'entryTail', ms: TAIL_MS });
  }
  if (asker.type === 'code') {
    d.fx.push({ type: 'collected', request: asker.request, isSensitive: request.sensitive, outcome });
  } else {
    endTool(d, { id: asker.toolCallId, name: 'collect_digits' }, JSON.stringify(resultOf(d, request, outcome)));
  }
  return asker;
}

/** What the model learns. */
function resultOf(d: Draft, { sensitive }: CollectRequest, outcome: CollectOutcome): object {
  if (!sensitive || !('digits' in outcome)) return outcome;
  const { status, digits } = outcome;
  if (status !== 'collected') return { status, length: digits.length };
  const token = `entry${Object.keys(d.s.keptDigits).length + 1}`;
  d.s.keptDigits = { ...d.s.keptDigits, [token]: digits };
  return { status, length: digits.length, token };
}

/** Nobody waits for the digits any more. */
export function cancelCollection(d: Draft, reason: string): void {
  if (d.s.collection) endCollection(d, d.s.collection, { status: 'cancelled', reason });
}

/** The audio is there: what is left of an entry, maybe of one before a restart, is over soon. */
export function resumeTail(d: Draft): void {
  if (d.s.entryTail) d.fx.push({ type: 'setTimer', name: 'entryTail', ms: TAIL_MS });
}

/** Every report of the entry's keys has come: keys, words and recording are free again. */
export function endTail(d: Draft): void {
  // Digits that were said and wait for more words are no less secret then.
  if (d.s.entryTail?.isSensitive) d.s.heldTurn = hideDigits(d.s.heldTurn);
  d.s.entryTail = undefined;
  if (!d.s.collection?.request.sensitive) holdRecording(d, false);
}

/** The digits behind the tokens that a model wrote into a tool's arguments: `{{digits:entry1}}`. */
export function withDigits({ keptDigits }: Pick<DialogueState, 'keptDigits'>, args: string): string {
  return args.replace(/\{\{digits:([a-z0-9]{1,16})\}\}/g, (whole, token: string) =>
    Object.hasOwn(keptDigits, token) ? (keptDigits[token] ?? whole) : whole,
  );
}

/** A tool's answer with its tokens instead of what they stand for: it goes to the model and onto file. */
export function withoutDigits({ keptDigits }: Pick<DialogueState, 'keptDigits'>, text: string): string {
  let hidden = text;
  // Fewer digits than this are anything.
  for (const [token, digits] of Object.entries(keptDigits)) {
    if (digits.length >= SHORTEST_SECRET) hidden = hidden.replaceAll(digits, `{{digits:${token}}}`);
  }
  return hidden;
}
