import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ProviderFailure, TtsEvent, TtsSession } from '../../src/providers/ports.ts';
import { createSentenceSession, type RenderOutcome } from '../../src/providers/tts/sentence-session.ts';

/** A synthesiser whose pieces are finished by hand; every character is one byte. */
function open(): {
  readonly session: TtsSession;
  readonly events: TtsEvent[];
  readonly asked: string[];
  readonly cancelled: string[];
  finish(text: string, outcome?: RenderOutcome): void;
} {
  const events: TtsEvent[] = [];
  const asked: string[] = [];
  const cancelled: string[] = [];
  const waiting = new Map<string, (outcome: RenderOutcome) => void>();
  const session = createSentenceSession(
    (text, done) => {
      asked.push(text);
      waiting.set(text, done);
      return { cancel: () => waiting.delete(text) && cancelled.push(text) };
    },
    (event) => events.push(event),
  );
  return {
    session,
    events,
    asked,
    cancelled,
    finish(text, outcome = { ok: true, bytes: new Uint8Array(text.length) }) {
      const done = waiting.get(text);
      waiting.delete(text);
      done?.(outcome);
    },
  };
}

const FAILURE: ProviderFailure = { kind: 'server', message: 'broken', retryable: true };

describe('a session of sentences', () => {
  it('books the exact bytes of every sentence, in order, however they are rendered', () => {
    const tts = open();
    tts.session.begin(1);
    tts.session.text('Good mor');
    tts.session.text('ning. How are you? ');
    tts.session.text('Fine.');
    tts.session.end();

    tts.finish('How are you?');
    expect(tts.events).toEqual([]);
    tts.finish('Good morning.');
    tts.finish('Fine.');

    expect(tts.events).toEqual([
      { type: 'ttsAudio', utterance: 1, bytes: new Uint8Array(13) },
      { type: 'ttsText', utterance: 1, text: 'Good morning. ', fromByte: 0, toByte: 13 },
      { type: 'ttsAudio', utterance: 1, bytes: new Uint8Array(12) },
      { type: 'ttsText', utterance: 1, text: 'How are you? ', fromByte: 13, toByte: 25 },
      { type: 'ttsAudio', utterance: 1, bytes: new Uint8Array(5) },
      { type: 'ttsText', utterance: 1, text: 'Fine.', fromByte: 25, toByte: 30 },
      { type: 'ttsDone', utterance: 1 },
    ]);
  });

  it('renders the first sentence before the text is over', () => {
    const tts = open();
    tts.session.begin(1);
    tts.session.text('Good morning. How');

    expect(tts.asked).toEqual(['Good morning.']);
  });

  it('renders only two sentences ahead', () => {
    const tts = open();
    tts.session.begin(1);
    tts.session.text('One day. Two days. Three days. ');
    tts.session.end();
    expect(tts.asked).toEqual(['One day.', 'Two days.']);

    tts.finish('One day.');

    expect(tts.asked).toEqual(['One day.', 'Two days.', 'Three days.']);
  });

  it('is done at once when there was nothing to say', () => {
    const tts = open();
    tts.session.begin(3);
    tts.session.text(' – ');
    tts.session.end();

    expect(tts.asked).toEqual([]);
    expect(tts.events).toEqual([
      { type: 'ttsText', utterance: 3, text: ' – ', fromByte: 0, toByte: 0 },
      { type: 'ttsDone', utterance: 3 },
    ]);
  });

  it('cancels what is being rendered and says no more of it', () => {
    const tts = open();
    tts.session.begin(1);
    tts.session.text('One day. Two days. Three');
    tts.session.cancel(0);
    tts.session.text('More.');
    tts.session.end();
    tts.session.begin(2);
    tts.session.text('Fine.');
    tts.session.end();
    tts.finish('Fine.');

    expect(tts.cancelled).toEqual(['One day.', 'Two days.']);
    expect(tts.events.map((event) => [event.type, 'utterance' in event && event.utterance])).toEqual([
      ['ttsAudio', 2],
      ['ttsText', 2],
      ['ttsDone', 2],
    ]);
  });

  it('fails its utterance once and can begin the next', () => {
    const tts = open();
    tts.session.begin(1);
    tts.session.text('One day. Two days. Three');
    tts.finish('One day.', { ok: false, failure: FAILURE });
    tts.session.end();
    tts.session.begin(2);
    tts.session.text('Fine.');
    tts.session.end();
    tts.finish('Fine.');

    expect(tts.cancelled).toEqual(['Two days.']);
    expect(tts.events.map((event) => event.type)).toEqual(['ttsFailed', 'ttsAudio', 'ttsText', 'ttsDone']);
    expect(tts.events[0]).toEqual({ type: 'ttsFailed', utterance: 1, failure: FAILURE });
  });

  it('is silent after close', () => {
    const tts = open();
    tts.session.begin(1);
    tts.session.text('One day. ');
    tts.session.end();
    tts.session.close();
    tts.finish('One day.');

    expect(tts.events).toEqual([]);
    expect(tts.cancelled).toEqual(['One day.']);
  });

  it('loses no character and no byte of any text, cut anywhere', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'Bc', '. ', ' ', '?', ', ', '–', '7', '\n'), { maxLength: 60 }),
        (pieces) => {
          const events: TtsEvent[] = [];
          const session = createSentenceSession(
            (text, done) => {
              done({ ok: true, bytes: new Uint8Array(text.length) });
              return { cancel: () => {} };
            },
            (event) => events.push(event),
          );
          session.begin(1);
          for (const piece of pieces) session.text(piece);
          session.end();

          const texts = events.filter((event) => event.type === 'ttsText');
          expect(texts.map((event) => event.text).join('')).toBe(pieces.join(''));
          let bytes = 0;
          for (const { fromByte, toByte } of texts) {
            expect(fromByte).toBe(bytes);
            bytes = toByte;
          }
          const sent = events.reduce((sum, event) => sum + (event.type === 'ttsAudio' ? event.bytes.length : 0), 0);
          expect(bytes).toBe(sent);
          expect(events.filter((event) => event.type === 'ttsDone')).toEqual([{ type: 'ttsDone', utterance: 1 }]);
        },
      ),
    );
  });
});
