import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { LineCounter, isNode, parseDocument, type Document } from 'yaml';
import { z } from 'zod';
import { LandlineError, messageOf } from '../core/errors.ts';
import { parsePhrase, alwaysFills, slotsOf, type Phrase, type SlotForm, type SlotLists } from './script-phrase.ts';
import { BUILT_IN_SLOTS } from './script-words.ts';

/** A tool call at the end of a reply, as the model's tools are called (contract.md, section 3). */
export type ScriptAction =
  | { readonly tool: 'transfer_call'; readonly target: string }
  | { readonly tool: 'hang_up' }
  | { readonly tool: 'send_dtmf'; readonly digits: string };

/** One thing callers want, how they may say it, and what is answered. */
export interface ScriptIntent {
  readonly name: string;
  readonly phrases: readonly Phrase[];
  /** Keys that mean the same. */
  readonly pressed: readonly string[];
  /** Only right after one of these intents; empty: always. */
  readonly after: readonly string[];
  /** The first time, the second time, …; the last one stays. `<slot>` is filled in. */
  readonly reply: readonly string[];
  /** Asked first; the reply and the action come after a yes. */
  readonly confirm?: string;
  readonly action?: ScriptAction;
  /** Says again in full what the agent said last. */
  readonly repeats: boolean;
}

/** A scripted agent, read and checked. See `fixtures/demo/hotel.yaml` for one. */
export interface AgentScript {
  /** File name, for messages. */
  readonly source: string;
  readonly intents: readonly ScriptIntent[];
  readonly yes: ScriptIntent;
  readonly no: ScriptIntent;
  readonly slots: SlotLists;
  /** Words the recogniser's dictionary lacks, in ARPAbet (`R EH Z ER V IY`). */
  readonly pronounce: Readonly<Record<string, string>>;
  /** Said when speech was not understood: the first time in a row, the second, …; the last one stays. */
  readonly unclear: readonly string[];
  /** Said when words or keys fit no intent. */
  readonly fallback: readonly string[];
  /** Said after a no to a confirmation. */
  readonly declined: string;
  /** By tool and outcome (`busy`, `no_answer`, …; `otherwise` for the rest): what is said after it. Empty: nothing. */
  readonly outcomes: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const line = z.string().trim().min(1, 'must not be empty');
/** One may be written without the list around it. */
const oneOrMore = <T extends z.ZodType>(item: T): z.ZodPreprocess<z.ZodArray<T>> =>
  z.preprocess(
    (value: unknown) => (value === undefined || Array.isArray(value) ? value : [value]),
    z.array(item, 'is missing').min(1, 'must not be empty'),
  );
const lines = oneOrMore(line);
const keys = oneOrMore(z.coerce.string().regex(/^[0-9A-D*#]+$/, 'must be keys of a phone: 0-9, A-D, * and #'));
const listName = z.string().regex(/^[a-z][a-z0-9_]*$/, 'must be lower case letters, digits and _');

const intentSchema = z.strictObject({
  phrases: lines.optional(),
  pressed: keys.optional(),
  after: lines.optional(),
  reply: lines.optional(),
  confirm: line.optional(),
  transfer: line.optional(),
  hangUp: z.literal(true, { error: 'can only be true' }).optional(),
  sendDtmf: z.coerce
    .string()
    .regex(/^[0-9A-D*#wW]+$/, 'must be digits 0-9 A-D * #, w or W to wait')
    .optional(),
  repeat: z.literal(true, { error: 'can only be true' }).optional(),
});

const answerSchema = z.strictObject({ phrases: lines, pressed: keys.optional() });

const scriptSchema = z.strictObject({
  intents: z.record(line, intentSchema),
  slots: z.record(listName, z.union([z.array(line).min(1), z.record(line, lines)])).optional(),
  pronounce: z.record(z.string().regex(/^[a-z']+$/, 'must be one word in lower case'), line).optional(),
  yes: answerSchema.optional(),
  no: answerSchema.optional(),
  unclear: lines,
  fallback: lines.optional(),
  declined: line.optional(),
  outcomes: z.record(line, z.record(line, z.string().trim())).optional(),
});

type ScriptFile = z.infer<typeof scriptSchema>;
type IntentFile = z.infer<typeof intentSchema>;
/** Reports a problem at a place in the file. */
type Complain = (path: readonly PropertyKey[], problem: string) => void;

const DEFAULT_YES = { phrases: ['yes please?', 'yeah', 'sure', 'of course', 'that is right'] };
const DEFAULT_NO = { phrases: ['no (thanks | thank you)?', 'not now', 'never mind'] };

/**
 * Reads a script file (YAML, or JSON, which is YAML too).
 * @throws LandlineError `script_invalid` that names file, line, column and what to do, for all problems at once.
 */
export function loadScript(path: string): AgentScript {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new LandlineError('script_invalid', `cannot read the script ${path}: ${messageOf(error)}`, { cause: error });
  }
  return parseScript(text, path);
}

/** As {@link loadScript}, from the text; `source` is named in errors. */
export function parseScript(text: string, source: string): AgentScript {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  const problems: { readonly offset: number; readonly text: string }[] = [];
  const report = (offset: number, problem: string): void => {
    const { line: row, col } = counter.linePos(offset);
    problems.push({ offset, text: `${source}:${row}:${col}: ${problem}` });
  };
  const complain: Complain = (path, problem) => {
    report(offsetOf(document, path), path.length === 0 ? problem : `${path.join('.')}: ${problem}`);
  };

  // The first is the mistake, the others follow from it.
  const broken = document.errors[0];
  if (broken) report(broken.pos[0], `not readable as YAML: ${broken.message}`);
  let script: AgentScript | undefined;
  if (problems.length === 0) {
    const parsed = scriptSchema.safeParse(document.toJS() ?? {});
    if (parsed.success) script = build(parsed.data, basename(source), complain);
    else for (const issue of parsed.error.issues) complain(issue.path, issue.message);
  }
  if (problems.length > 0 || !script) {
    const sorted = problems.toSorted((a, b) => a.offset - b.offset).map((problem) => problem.text);
    throw new LandlineError('script_invalid', sorted.join('\n'));
  }
  return script;
}

/** Where `path`, or the deepest part of it that exists, begins in the file. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let depth = path.length; depth > 0; depth--) {
    const node = document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

function build(file: ScriptFile, source: string, complain: Complain): AgentScript {
  const slots = new Map(BUILT_IN_SLOTS);
  for (const [name, list] of Object.entries(file.slots ?? {})) slots.set(name, readSlotList(name, list, complain));

  const intents = Object.entries(file.intents).map(([name, intent]) =>
    readIntent(name, intent, ['intents', name], file, slots, complain),
  );
  if (intents.length === 0) complain(['intents'], 'must name at least one intent');
  const readAnswer = (name: 'yes' | 'no', answer: IntentFile): ScriptIntent =>
    readIntent(name, { ...answer, reply: ['-'] }, [name], file, slots, complain);

  return Object.freeze({
    source,
    intents,
    yes: readAnswer('yes', file.yes ?? DEFAULT_YES),
    no: readAnswer('no', file.no ?? DEFAULT_NO),
    slots,
    pronounce: file.pronounce ?? {},
    unclear: file.unclear,
    fallback: file.fallback ?? file.unclear,
    declined: file.declined ?? 'All right.',
    outcomes: file.outcomes ?? {},
  });
}

function readSlotList(
  name: string,
  list: readonly string[] | Readonly<Record<string, readonly string[]>>,
  complain: Complain,
): readonly SlotForm[] {
  const forms = Array.isArray(list)
    ? list.map((item: string, i) => ({ value: item, said: item, path: ['slots', name, i] }))
    : Object.entries(list as Readonly<Record<string, readonly string[]>>).flatMap(([value, ways]) =>
        ways.map((said, i) => ({ value, said, path: ['slots', name, value, i] })),
      );
  return forms.flatMap(({ value, said, path }) => {
    const phrase = readPhrase(said, path, complain);
    if (!phrase) return [];
    if (slotsOf(phrase).length > 0) complain(path, 'a slot list cannot use another slot');
    return [{ value, phrase }];
  });
}

function readPhrase(text: string, path: readonly PropertyKey[], complain: Complain): Phrase | undefined {
  try {
    return parsePhrase(text);
  } catch (error) {
    complain(path, `"${text}": ${messageOf(error)}`);
    return undefined;
  }
}

function readIntent(
  name: string,
  intent: IntentFile,
  path: readonly PropertyKey[],
  file: ScriptFile,
  slots: SlotLists,
  complain: Complain,
): ScriptIntent {
  const read = (intent.phrases ?? []).flatMap((text, i) => readPhrase(text, [...path, 'phrases', i], complain) ?? []);
  read.forEach((phrase, i) => {
    for (const { list } of slotsOf(phrase)) {
      if (!slots.has(list))
        complain([...path, 'phrases', i], `<${list}> is no slot; known are ${[...slots.keys()].join(', ')}`);
    }
  });
  const pressed = intent.pressed ?? [];
  if (!intent.phrases && pressed.length === 0) complain(path, 'needs phrases or pressed');

  const action = readAction(intent, path, complain);
  const repeats = intent.repeat ?? false;
  if (!intent.reply && !repeats && action?.tool !== 'send_dtmf') complain(path, 'needs a reply');

  const isFilled = (slot: string): boolean => pressed.length === 0 && read.every((phrase) => alwaysFills(phrase, slot));
  const texts = [...(intent.reply ?? []), ...(intent.confirm ? [intent.confirm] : [])];
  for (const slot of texts.flatMap((text) => [...text.matchAll(/<([^>]*)>/g)].map((match) => match[1] ?? ''))) {
    if (!isFilled(slot)) complain(path, `the reply uses <${slot}>, which not every way to say or press this fills`);
  }
  for (const other of intent.after ?? []) {
    if (!(other in file.intents)) complain([...path, 'after'], `there is no intent "${other}"`);
  }
  return {
    name,
    phrases: read,
    pressed,
    after: intent.after ?? [],
    reply: intent.reply ?? [],
    ...(intent.confirm === undefined ? {} : { confirm: intent.confirm }),
    ...(action ? { action } : {}),
    repeats,
  };
}

function readAction(intent: IntentFile, path: readonly PropertyKey[], complain: Complain): ScriptAction | undefined {
  const actions: ScriptAction[] = [];
  if (intent.transfer !== undefined) actions.push({ tool: 'transfer_call', target: intent.transfer });
  if (intent.hangUp) actions.push({ tool: 'hang_up' });
  if (intent.sendDtmf !== undefined) actions.push({ tool: 'send_dtmf', digits: intent.sendDtmf });
  if (actions.length + (intent.repeat ? 1 : 0) > 1)
    complain(path, 'can do only one of transfer, hangUp, sendDtmf and repeat');
  return actions[0];
}
