/** The days OpenAI has named for switching models off (its deprecations page and SDK, November 2026). */
const SHUTDOWNS: readonly (readonly [day: string, models: readonly string[]])[] = [
  ['2026-10-23', ['gpt-4', 'gpt-4-turbo', 'gpt-3.5-turbo', 'gpt-4.1-nano', 'o1', 'o3-mini', 'o4-mini']],
  ['2026-12-11', ['gpt-5', 'gpt-5-mini', 'gpt-5-nano', 'gpt-5-pro', 'o3']],
  ['2027-01-06', ['tts-1', 'tts-1-hd', 'gpt-4o-mini-tts']],
  ['2027-01-14', ['gpt-4o', 'gpt-4o-mini', 'gpt-4.1', 'gpt-4.1-mini']],
  ['2027-01-20', ['gpt-realtime', 'gpt-realtime-mini', 'gpt-audio-mini']],
  ['2027-02-26', ['whisper-1', 'gpt-4o-transcribe', 'gpt-4o-mini-transcribe', 'gpt-4o-transcribe-diarize']],
  ['2027-04-01', ['gpt-5.1', 'gpt-5.4-nano']],
];

/** The day (`YYYY-MM-DD`) on which OpenAI switches `model` off, when it has named one. Dated snapshots go with their model. */
export function openAiShutdown(model: string): string | undefined {
  const name = model.replace(/-\d{4}-\d{2}-\d{2}$/, '');
  return SHUTDOWNS.find(([, models]) => models.includes(name))?.[0];
}
