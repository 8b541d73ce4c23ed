import { existsSync, readFileSync } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Complain } from './config-problems.ts';
import { messageOf } from './core/errors.ts';

/** A config file as it was read; what stands in it is still to be checked. */
export interface ConfigFile {
  readonly path: string;
  /** Paths in the config are seen from here. */
  readonly dir: string;
  readonly value: unknown;
}

const DEFAULT_NAMES = ['landline.config.ts', 'landline.config.js', 'landline.config.json'] as const;
const CODE = new Set(['.ts', '.js', '.mts', '.mjs']);

/**
 * Reads the config file: the one named by LANDLINE_CONFIG, else the first of the default names that is in `cwd`.
 * @returns undefined when there is none, `'unreadable'` after a problem was reported.
 */
export async function readConfigFile(
  named: string | undefined,
  cwd: string,
  complain: Complain,
): Promise<ConfigFile | 'unreadable' | undefined> {
  const path =
    named === undefined
      ? DEFAULT_NAMES.map((name) => resolve(cwd, name)).find((candidate) => existsSync(candidate))
      : resolve(cwd, named);
  if (path === undefined) return undefined;
  if (!existsSync(path)) {
    complain('LANDLINE_CONFIG', `names a file that does not exist: ${path}`);
    return 'unreadable';
  }
  const found = { path, dir: dirname(path) };
  const extension = extname(path);
  if (extension === '.json') {
    const parsed = readJson(path, complain);
    return parsed === undefined ? 'unreadable' : { ...found, value: parsed.value };
  }
  if (CODE.has(extension)) {
    const loaded = await importConfig(path, complain);
    return loaded === undefined ? 'unreadable' : { ...found, value: loaded.value };
  }
  complain(path, 'must be a .ts, .js or .json file');
  return 'unreadable';
}

function readJson(path: string, complain: Complain): { readonly value: unknown } | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    complain(path, `cannot be read: ${messageOf(error)}`);
    return undefined;
  }
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    const { offset, reason } = placeJsonError(text, messageOf(error));
    const before = text.slice(0, offset).split('\n');
    complain(`${path}:${before.length}:${(before.at(-1)?.length ?? 0) + 1}`, `is not valid JSON: ${reason}`);
    return undefined;
  }
}

/**
 * Where JSON.parse stumbled. V8 says the position of most errors; of a value that is none it quotes the text instead,
 * which may hold what no log should: then the first place where a value must stand and none does.
 */
function placeJsonError(text: string, message: string): { readonly offset: number; readonly reason: string } {
  const placed = /^(.*) in JSON at position (\d+)/.exec(message) ?? /^(.*) after JSON at position (\d+)/.exec(message);
  if (placed) return { offset: Number(placed[2]), reason: placed[1] ?? '' };
  const token = /\s*(?:"(?:[^"\\]|\\.)*"|[{}[\],:]|(?:-?\d[\d.eE+-]*|true|false|null)(?![\w.+-])|(\S+))/gy;
  let needsValue = true;
  for (const match of text.matchAll(token)) {
    const found = match[0].trimStart();
    const isEmptyList = found === ']' && text.slice(0, match.index).trimEnd().endsWith('[');
    if (match[1] !== undefined || (needsValue && /^[}\],:]/.test(found) && !isEmptyList)) {
      return { offset: match.index + match[0].length - found.length, reason: 'a value is expected here' };
    }
    needsValue = /^[[,:]$/.test(found);
  }
  return { offset: text.length, reason: 'it ends too early' };
}

async function importConfig(path: string, complain: Complain): Promise<{ readonly value: unknown } | undefined> {
  let module: Readonly<Record<string, unknown>>;
  try {
    module = (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    complain(path, `cannot be loaded: ${messageOf(error).split('\n')[0] ?? ''}`);
    return undefined;
  }
  if (module['default'] !== undefined) return { value: module['default'] };
  complain(path, 'has no default export; write `export default defineConfig({ … })`');
  return undefined;
}
