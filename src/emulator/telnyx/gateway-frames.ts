import { BASE64, isBody } from './validation.ts';

/** A message of the gateway, read by the letter of the documented protocol: `media`, `mark`, `clear`, nothing else. */
export type GatewayFrame =
  | { readonly kind: 'media'; readonly payload: Uint8Array }
  | { readonly kind: 'mark'; readonly name: string }
  | { readonly kind: 'clear' }
  | { readonly kind: 'unknown'; readonly problem: 'malformed' | 'invalidMedia'; readonly note: string };

export function readFrame(text: string): GatewayFrame {
  const malformed = (note: string): GatewayFrame => ({ kind: 'unknown', problem: 'malformed', note });
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return malformed('not JSON');
  }
  if (!isBody(message)) return malformed('not an object');
  switch (message['event']) {
    case 'media': {
      const media = message['media'];
      const payload = isBody(media) ? media['payload'] : undefined;
      if (typeof payload !== 'string') return malformed('media.payload is not a string');
      if (payload === '' || !BASE64.test(payload)) {
        return { kind: 'unknown', problem: 'invalidMedia', note: 'media.payload is not padded base64' };
      }
      return { kind: 'media', payload: Buffer.from(payload, 'base64') };
    }
    case 'mark': {
      const mark = message['mark'];
      const name = isBody(mark) ? mark['name'] : undefined;
      return typeof name === 'string' && name !== '' ? { kind: 'mark', name } : malformed('mark.name is not a string');
    }
    case 'clear':
      return { kind: 'clear' };
    default:
      return malformed(`unexpected event ${JSON.stringify(message['event'])}`);
  }
}
