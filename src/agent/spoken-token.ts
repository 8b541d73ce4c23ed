/** A stretch of the model's text and what the voice was given for it. `**` is said as nothing, `€ 5` as `5 euro`. */
export interface SpokenToken {
  readonly written: string;
  readonly spoken: string;
}

/** `more` behind `tokens`; neighbours that are said as they are written become one. */
export function joinTokens(tokens: readonly SpokenToken[], more: readonly SpokenToken[]): readonly SpokenToken[] {
  const joined = [...tokens];
  for (const token of more) {
    const last = joined.at(-1);
    if (last && last.written === last.spoken && token.written === token.spoken) {
      joined[joined.length - 1] = { written: last.written + token.written, spoken: last.spoken + token.spoken };
    } else if (token.written !== '' || token.spoken !== '') joined.push(token);
  }
  return joined;
}

/** The text as the model wrote it. */
export function writtenOf(tokens: readonly SpokenToken[]): string {
  return tokens.map(({ written }) => written).join('');
}

/** The text as the voice says it. */
export function spokenOf(tokens: readonly SpokenToken[]): string {
  return tokens.map(({ spoken }) => spoken).join('');
}
