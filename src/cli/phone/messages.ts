import { z } from 'zod';

/**
 * The protocol of `/phone/socket`. Audio goes both ways in binary messages: 8 kHz, 16 bit, little-endian, 20 ms each. The
 * rest is JSON. One call at a time.
 */
export type PhoneCommand =
  | { readonly type: 'call'; readonly to: string }
  | { readonly type: 'press'; readonly digits: string }
  /** One of the recorded callers speaks; the microphone waits. */
  | { readonly type: 'play'; readonly sample: string }
  | { readonly type: 'hangup' };

/** What the phone tells. */
export type PhoneEvent =
  /** It rings at the gateway; `from` is this phone's number for this call. */
  | { readonly type: 'calling'; readonly from: string; readonly to: string }
  | { readonly type: 'answered' }
  | { readonly type: 'bridged' }
  /** All keys whose tones were heard so far. */
  | { readonly type: 'digits'; readonly digits: string }
  /** The recorded caller has finished. */
  | { readonly type: 'played'; readonly sample: string }
  /** `by`: `phone`, `gateway`, `partner` or `network`; `cause` is Telnyx' `hangup_cause`. */
  | { readonly type: 'ended'; readonly by: string; readonly cause: string }
  /** A command was not carried out, and why. */
  | { readonly type: 'refused'; readonly reason: string };

const phoneCommand = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('call'),
    to: z.string().regex(/^\+[1-9]\d{6,14}$/, 'to must be a number like +13125550178'),
  }),
  z.strictObject({
    type: z.literal('press'),
    digits: z.string().regex(/^[0-9A-D*#]{1,32}$/, 'digits must be 1 to 32 of 0-9 A-D * #'),
  }),
  z.strictObject({ type: z.literal('play'), sample: z.string().max(200) }),
  z.strictObject({ type: z.literal('hangup') }),
]);

/** Reads a text message; a string says what is wrong with it. */
export function readPhoneCommand(text: string): PhoneCommand | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'text messages must be JSON';
  }
  const parsed = phoneCommand.safeParse(value);
  return parsed.success ? parsed.data : (parsed.error.issues[0]?.message ?? 'unknown command');
}

const phoneEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('calling'), from: z.string(), to: z.string() }),
  z.object({ type: z.literal('answered') }),
  z.object({ type: z.literal('bridged') }),
  z.object({ type: z.literal('digits'), digits: z.string() }),
  z.object({ type: z.literal('played'), sample: z.string() }),
  z.object({ type: z.literal('ended'), by: z.string(), cause: z.string() }),
  z.object({ type: z.literal('refused'), reason: z.string() }),
]);

/** Reads what the phone tells; undefined for what this version does not know. */
export function readPhoneEvent(text: string): PhoneEvent | undefined {
  try {
    return phoneEvent.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
