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
    case 'streamingStart':
      return { name: command.name, stream: stream(command.epoch), clientState };
    case 'transfer':
      return {
        name: 'transfer',
        to: command.to,
        timeoutSecs: command.timeoutSecs,
        timeLimitSecs: command.timeLimitSecs,
        targetLegClientState: JSON.stringify({ call: context.callId, leg: 'target' }),
      };
    case 'speak':
      return { name: 'speak', payload: command.text, voice: 'female', language: speakLanguage(context.language) };
    default:
      return command;
  }
}

/** Telnyx' speak wants a region; the ones of our fixed lines. */
function speakLanguage(language: string): string {
  const base = language.split('-')[0] ?? 'en';
  const known: Readonly<Record<string, string>> = { en: 'en-US', fr: 'fr-FR', nl: 'nl-NL', de: 'de-DE', es: 'es-ES' };
  return language.includes('-') ? language : (known[base] ?? 'en-US');
}
