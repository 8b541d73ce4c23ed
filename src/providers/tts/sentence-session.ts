import type { ProviderFailure, TtsEvent, TtsSession } from '../ports.ts';
import { createSentences, isSpeakable } from './sentences.ts';

/** Audio of one piece of text in the session's format, or why there is none. */
export type RenderOutcome =
  { readonly ok: true; readonly bytes: Uint8Array } | { readonly ok: false; readonly failure: ProviderFailure };

/** Makes the audio of one piece; `done` is called once, later, unless cancelled before. */
export type RenderPiece = (text: string, done: (outcome: RenderOutcome) => void) => { cancel(): void };

/** Pieces of one session rendered at the same time: one plays while the next is made. */
const AT_ONCE = 2;

interface Piece {
  readonly text: string;
  /** Undefined until it is rendered. */
  bytes: Uint8Array | undefined;
  job: { cancel(): void } | undefined;
}

/**
 * A session for synthesisers that take a text and give its whole audio: cuts the text into sentences, renders them in
 * order and books each one's exact bytes.
 */
export function createSentenceSession(render: RenderPiece, emit: (event: TtsEvent) => void): TtsSession {
  // Rendering is quick: a first piece cut at a comma would only cost melody.
  const sentences = createSentences({ firstClauseChars: Infinity });
  let utterance: number | undefined;
  let pieces: Piece[] = [];
  let ended = false;
  let bytesOut = 0;

  const stop = (): void => {
    for (const piece of pieces) piece.job?.cancel();
    pieces = [];
    utterance = undefined;
    sentences.flush();
  };

  const add = (texts: readonly string[]): void => {
    for (const text of texts) {
      // Nothing a voice could say, such as a lone dash, has no audio but is still part of the text.
      pieces.push({ text, bytes: isSpeakable(text) ? undefined : new Uint8Array(0), job: undefined });
    }
    advance();
  };

  const advance = (): void => {
    while (utterance !== undefined && pieces[0]?.bytes) {
      const { text, bytes } = pieces.shift() as Piece & { bytes: Uint8Array };
      const fromByte = bytesOut;
      bytesOut += bytes.length;
      const of = utterance;
      if (bytes.length > 0) emit({ type: 'ttsAudio', utterance: of, bytes });
      // The listener may have cancelled meanwhile.
      if (utterance === of) emit({ type: 'ttsText', utterance: of, text, fromByte, toByte: bytesOut });
    }
    const of = utterance;
    if (of === undefined) return;
    for (const piece of pieces.slice(0, AT_ONCE)) if (!piece.bytes && !piece.job) start(piece, of);
    if (!ended || pieces.length > 0 || utterance !== of) return;
    utterance = undefined;
    emit({ type: 'ttsDone', utterance: of });
  };

  const start = (piece: Piece, of: number): void => {
    piece.job = render(piece.text.trim(), (outcome) => {
      if (outcome.ok) {
        piece.bytes = outcome.bytes;
        advance();
      } else {
        stop();
        emit({ type: 'ttsFailed', utterance: of, failure: outcome.failure });
      }
    });
  };

  return {
    begin(number) {
      stop();
      utterance = number;
      ended = false;
      bytesOut = 0;
    },
    text(text) {
      if (utterance !== undefined && !ended) add(sentences.push(text));
    },
    end() {
      if (utterance === undefined || ended) return;
      ended = true;
      add(sentences.flush());
    },
    cancel: stop,
    close: stop,
  };
}
