import { matchAt, type Reading } from './reading.ts';
import type { LanguageRules } from './rules.ts';

const EMAIL =
  /(?<![\p{L}\p{N}._%+-])[A-Za-z0-9](?:[A-Za-z0-9._%+-]*[A-Za-z0-9_])?@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}/uy;
const URL = /(?<![\p{L}\p{N}])(?:(?:https?|ftp):\/\/|www\.)[^\s<>"'`«»“”’\\^{|}]+/iuy;
const DOMAIN =
  /(?<![\p{L}\p{N}@./-])(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:com|org|net|eu|be|nl|de|fr|es|ch|at|lu|uk|io|ai|app|dev|info|biz|us|ca|gov|edu|shop|online|cat|brussels|vlaanderen)(?![\p{L}\p{N}@-]|\.\p{L})(?:\/[^\s<>"'`«»“”’\\^{|}]*)?/iuy;
/** A path longer than this helps nobody who listens. */
const MAX_PATH = 40;

/** E-mail and web addresses as people say them: `jan dot peeters at example dot be`. */
export function readAddress(text: string, at: number, rules: LanguageRules): Reading | undefined {
  const email = matchAt(EMAIL, text, at);
  if (email) return { length: email[0].length, spoken: spell(email[0], rules) };
  const found = matchAt(URL, text, at) ?? matchAt(DOMAIN, text, at);
  if (!found) return undefined;
  // What stands behind an address in a sentence is not part of it.
  const url = found[0].replace(/[.,;:!?*_~\])]+$/u, '');
  const [, host = '', path = ''] = /^(?:\w+:\/\/)?(?:www\.)?([^/?#]*)([^?#]*)/iu.exec(url) ?? [];
  if (host === '') return undefined;
  const said = path.length <= MAX_PATH && /^[\w/.-]*$/u.test(path) ? path.replace(/\/$/u, '') : '';
  return { length: url.length, spoken: spell(host + said, rules) };
}

function spell(address: string, rules: LanguageRules): string {
  return address
    .replace(/[.@\-_/+]/gu, (sign) => ` ${rules.address[sign as keyof LanguageRules['address']]} `)
    .replace(/%|:/gu, ' ')
    .replace(/(?<=\d)(?=\p{L})|(?<=\p{L})(?=\d)/gu, ' ')
    .replace(/\s+/gu, ' ')
    .trim();
}
