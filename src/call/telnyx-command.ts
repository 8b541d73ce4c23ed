import type { G711 } from '../audio/format.ts';
import type { StreamRequest, TelnyxCommand } from '../telnyx/commands.ts';
import type { CallCommand, LegName } from './inputs.ts';

export interface CommandContext {
  /** The stream URL of a stream to come; asking makes its token valid. */
  url(epoch: number): string;
  /** Telnyx' id of another leg of this call. */
  controlId(leg: LegName): string;
  readonly callId: string;
  readonly leg: LegName;
  readonly declared: G711 | 'L16';
  readonly language: string;
}

/** Adds to the machine's command what it does not know: URLs, tokens, client state, voice. */
export function telnyxCommand(command: CallCommand, context: CommandContext): TelnyxCommand {
  const clientState = legState(context.callId, context.leg);
  const stream = (epoch: number): StreamRequest => ({
    url: context.url(epoch),
    codec: context.declared,
    sampleRate: context.declared === 'L16' ? 16000 : 8000,
  });
  switch (command.name) {
    case 'answer':
      return { name: 'answer', stream: command.epoch === undefined ? undefined : stream(command.epoch), clientState };
    case 'dial': {
      const { epoch, linkTo, ...dial } = command;
      return {
        ...dial,
        stream: epoch === undefined ? undefined : stream(epoch),
        ...(linkTo === undefined ? {} : { linkTo: context.controlId(linkTo) }),
        clientState,
      };
    }
    case 'bridge':
      return { name: 'bridge', callControlId: context.controlId(command.with) };
    case 'streamingStart':
      return { name: 'streamingStart', stream: stream(command.epoch), clientState };
    case 'transfer':
      return {
        name: 'transfer',
        to: command.to,
        timeoutSecs: command.timeoutSecs,
        timeLimitSecs: command.timeLimitSecs,
        targetLegClientState: legState(context.callId, 'target'),
      };
    case 'recordStart':
      return { name: 'recordStart', clientState };
    case 'recordStop':
    case 'recordPause':
    case 'recordResume':
      return { name: command.name };
    case 'speak':
      return { name: 'speak', payload: command.text, ...speakVoice(context.language) };
    default:
      return command;
  }
}

/** What a leg of ours carries at Telnyx as its `client_state`: whose it is. */
export function legState(callId: string, leg: LegName | 'target'): string {
  return JSON.stringify({ call: callId, leg });
}

/** The same, read from a webhook. Anybody with the account's key can set it: a hint. */
export function readLegState(text: string | undefined): { readonly call: string; readonly leg: string } | undefined {
  if (text === undefined) return undefined;
  try {
    const state: unknown = JSON.parse(text);
    if (typeof state !== 'object' || state === null || !('call' in state) || !('leg' in state)) return undefined;
    const { call, leg } = state;
    return typeof call === 'string' && typeof leg === 'string' ? { call, leg } : undefined;
  } catch {
    return undefined;
  }
}

/** Voices that Telnyx' `speak` has for the languages of our fixed lines. */
const SPEAK_VOICES: Readonly<Record<string, { readonly voice: string; readonly language: string }>> = {
  en: { voice: 'AWS.Polly.Joanna', language: 'en-US' },
  fr: { voice: 'AWS.Polly.Celine', language: 'fr-FR' },
  nl: { voice: 'AWS.Polly.Lotte', language: 'nl-NL' },
  de: { voice: 'AWS.Polly.Vicki', language: 'de-DE' },
  es: { voice: 'AWS.Polly.Lucia', language: 'es-ES' },
};
const ENGLISH = { voice: 'AWS.Polly.Joanna', language: 'en-US' };

function speakVoice(language: string): { readonly voice: string; readonly language: string } {
  return SPEAK_VOICES[language.split('-')[0] ?? 'en'] ?? ENGLISH;
}
