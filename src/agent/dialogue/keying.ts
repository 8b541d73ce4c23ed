import { endTool, pauseSpeech, resumeSpeech } from './speaking.ts';
import type { Draft } from './state.ts';

/** Keys to be pressed on the line. */
export interface KeyOrder {
  /** The tool call that asked for them, else a number of ours. */
  readonly id: string;
  readonly isTool: boolean;
  readonly digits: string;
  /** Telnyx has taken them: they play now. */
  readonly isPlaying: boolean;
}

/** Telnyx' default length of a tone, and about the gap behind it, which it does not publish (telnyx.md, 4.3). */
const TONE_MS = 250;
const GAP_MS = 100;
const SHORT_PAUSE_MS = 500;
const LONG_PAUSE_MS = 1000;
/** Every attempt to send them is over by then. */
const ANSWER_MS = 8000;

/** How long Telnyx needs to play `digits`, about. */
export function playTimeMs(digits: string): number {
  let ms = 0;
  for (const digit of digits) ms += digit === 'w' ? SHORT_PAUSE_MS : digit === 'W' ? LONG_PAUSE_MS : TONE_MS + GAP_MS;
  return ms;
}

/** Keys go out one order after the other; the agent is silent meanwhile. */
export function orderKeys(d: Draft, digits: string, toolCallId?: string): void {
  d.s.keyOrders += 1;
  const id = toolCallId ?? `keys${d.s.keyOrders}`;
  d.s.keying = [...d.s.keying, { id, isTool: toolCallId !== undefined, digits, isPlaying: false }];
  if (d.s.keying.length === 1) sendNext(d);
}

function sendNext(d: Draft): void {
  const [order] = d.s.keying;
  if (!order) return;
  pauseSpeech(d);
  d.fx.push({ type: 'setTimer', name: 'keys', ms: ANSWER_MS });
  d.fx.push({ type: 'signal', signal: { type: 'dtmf', digits: order.digits, toolCallId: order.id } });
}

/**
 * Telnyx has answered.
 * @returns true when a tool call got its result; the model may think about it while the keys play.
 */
export function onKeysSent(d: Draft, id: string, ok: boolean, message: string | undefined): boolean {
  const [order, ...rest] = d.s.keying;
  if (order?.id !== id || order.isPlaying) return false;
  if (order.isTool) {
    const result = ok ? '{"status":"sent"}' : JSON.stringify({ status: 'error', error: message ?? 'not sent' });
    endTool(d, { id, name: 'send_dtmf' }, result);
  }
  if (ok) {
    d.s.keying = [{ ...order, isPlaying: true }, ...rest];
    d.fx.push({ type: 'setTimer', name: 'keys', ms: playTimeMs(order.digits) });
  } else next(d, rest);
  return order.isTool;
}

/**
 * The keys have been played, or nobody said what became of them: the next ones, or the agent goes on at the border of its
 * word.
 * @returns true as {@link onKeysSent}
 */
export function onKeysTimer(d: Draft): boolean {
  const [order, ...rest] = d.s.keying;
  if (!order) return false;
  if (!order.isPlaying) return onKeysSent(d, order.id, false, 'no answer from Telnyx');
  next(d, rest);
  return false;
}

function next(d: Draft, rest: readonly KeyOrder[]): void {
  d.s.keying = rest;
  d.fx.push({ type: 'cancelTimer', name: 'keys' });
  if (rest.length > 0) sendNext(d);
  // Who is talking keeps the agent silent; their silence lets it go on.
  else if (!d.s.voice.sustained) resumeSpeech(d);
}

/** The call ends or goes elsewhere: what was not sent is not sent any more. */
export function dropKeys(d: Draft): void {
  if (d.s.keying.length === 0) return;
  d.fx.push({ type: 'cancelTimer', name: 'keys' });
  for (const { id, isTool, isPlaying } of d.s.keying) {
    if (isTool && !isPlaying)
      endTool(d, { id, name: 'send_dtmf' }, '{"status":"unknown","reason":"the call went on without it"}');
  }
  d.s.keying = [];
}
