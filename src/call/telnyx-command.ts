import type { G711 } from '../audio/format.ts';
import type { StreamRequest, TelnyxCommand } from '../telnyx/commands.ts';
import type { CallCommand, LegName } from './inputs.ts';

export interface CommandContext {
  /** The stream URL of a stream to come; asking makes its token valid. */
  url(epoch: number): string;
  readonly callId: string;
  readonly leg: LegName;
  readonly declared: G711 | 'L16';
  readonly language: string;
}

/** Adds to the machine's command what it does not know: URLs, tokens, client state, voice. */
export function telnyxCommand(command: CallCommand, context: CommandContext): TelnyxCommand {
  const clientState = JSON.stringify({ call: context.callId, leg: context.leg });
  const stream = (epoch: number): StreamRequest => ({
    url: context.url(epoch),
    codec: context.declared,
    sampleRate: context.declared === 'L16' ? 16000 : 8000,
  });
  switch (command.name) {
    case 'answer':
      return { name: 'answer', stream: command.epoch === undefined ? undefined : stream(command.epoch), clientState };
    case 'streamingStart':
      return { name: 'streamingStart', stream: stream(command.epoch), clientState };
    case 'transfer':
      return {
        name: 'transfer',
        to: command.to,
        timeoutSecs: command.timeoutSecs,
        timeLimitSecs: command.timeLimitSecs,
        targetLegClientState: JSON.stringify({ call: context.callId, leg: 'target' }),
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
