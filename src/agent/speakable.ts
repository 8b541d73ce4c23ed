/**
 * Takes out of a model's text what no voice can say: markdown marks, code fences, emoji. Works on single tokens of a
 * stream: it only drops characters, so cutting the stream anywhere gives the same text.
 */
export function speakable(text: string): string {
  return text
    .replace(/[*_`#~|<>\\]/gu, '')
    .replace(/[\p{Extended_Pictographic}\u{FE0F}\u{200D}\u{1F3FB}-\u{1F3FF}\u{1F1E6}-\u{1F1FF}]/gu, '');
}
