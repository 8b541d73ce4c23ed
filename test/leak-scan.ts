import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { LANGUAGES, spell } from './planted.ts';

/** What is never to be found where it does not belong. */
export interface Secret {
  readonly name: string;
  readonly kind: SecretKind;
  readonly value: string;
}

export type SecretKind = 'key' | 'token' | 'controlId' | 'card' | 'digits' | 'number' | 'prompt';

/** Ways out of the gateway. */
export type Channel = 'log' | 'metrics' | 'events' | 'api' | 'journal' | 'store' | 'problem';

/** What may be in a channel, in full; everything else may not. `problem`: the body of a refused request. */
export const ALLOWED: Readonly<Record<Channel, readonly SecretKind[]>> = {
  log: [],
  metrics: [],
  events: ['number'],
  api: ['number', 'controlId'],
  journal: ['number', 'controlId'],
  store: ['number', 'controlId'],
  problem: [],
};

/** A secret as it may be written: as it is, in base64 at any alignment, URL-encoded, in hex; digits also spaced and spoken. */
export function formsOf({ value, kind }: Secret): readonly string[] {
  const forms = [
    value,
    encodeURIComponent(value),
    JSON.stringify(value).slice(1, -1),
    Buffer.from(value).toString('hex'),
  ];
  for (const offset of [0, 1, 2]) {
    const coded = Buffer.from('\0'.repeat(offset) + value)
      .toString('base64')
      .replace(/=+$/, '');
    // Without the characters that also hold bits of what is beside it.
    const inner = coded.slice(Math.ceil((offset * 8) / 6), -1);
    forms.push(inner, inner.replaceAll('+', '-').replaceAll('/', '_'));
  }
  const digits = value.replace(/\D/g, '');
  if (kind === 'card' || kind === 'digits' || kind === 'number') {
    forms.push(
      digits,
      Array.from(digits).join(' '),
      Array.from(digits).join(','),
      digits.replace(/(\d{4})(?=\d)/g, '$1 '),
    );
    forms.push(digits.replace(/(\d{4})(?=\d)/g, '$1-'), ...LANGUAGES.map((language) => spell(language, digits)));
  }
  return [...new Set(forms)].filter((form) => form.length >= 4);
}

/** `channel: secret` for everything that is where it may not be. */
export function leaksIn(channel: Channel, content: string | Uint8Array, secrets: readonly Secret[]): string[] {
  const text = (typeof content === 'string' ? content : Buffer.from(content).toString('latin1')).toLowerCase();
  return secrets
    .filter(({ kind }) => !ALLOWED[channel].includes(kind))
    .filter((secret) => formsOf(secret).some((form) => text.includes(asLatin(form, content).toLowerCase())))
    .map(({ name }) => `${channel}: ${name}`);
}

function asLatin(form: string, content: string | Uint8Array): string {
  return typeof content === 'string' ? form : Buffer.from(form, 'utf8').toString('latin1');
}

/** What a data directory holds as text: journals and the database, with what it has not put into its file yet. */
export function filesOf(
  dataDir: string,
): { readonly channel: Channel; readonly name: string; readonly bytes: Buffer }[] {
  return readdirSync(dataDir, { recursive: true, encoding: 'utf8' })
    .filter((name) => /landline\.db|\.jsonl/.test(name) && statSync(join(dataDir, name)).isFile())
    .map((name) => ({
      channel: name.includes('landline.db') ? 'store' : 'journal',
      name,
      bytes: readFileSync(join(dataDir, name)),
    }));
}
