import type { ChatMessage, LlmRequest, ToolCall } from '../ports.ts';
import type { AgentScript, ScriptAction, ScriptIntent } from '../script.ts';
import { understandKeys, understandText, type Understood } from '../script-match.ts';
import { normaliseWords } from '../script-words.ts';

/** What the scripted agent answers to a history. */
export interface ScriptAnswer {
  /** Empty: nothing is to be said. */
  readonly say: string;
  readonly call?: ToolCall;
}

/** A confirmation that was put to the caller, and how its turn began before the question itself. */
interface Question {
  readonly about: Understood;
  readonly leadIn: string;
}

interface Planned {
  readonly say: string;
  readonly action?: ScriptAction;
  readonly question?: Question;
}

/** How the dialogue makes a key press and speech that was not understood into a message. */
const PRESSED = /^\[pressed ([0-9A-D*#]+)\]$/i;
const NOTE = /^\[[^\]]*\]$/;

/**
 * The next answer, from the history alone: the same messages give the same answer, whoever asks and whenever. The history
 * holds what the caller *heard*, so a question counts as asked only when the agent's message reached into it.
 */
export function answerScript(script: AgentScript, request: LlmRequest): ScriptAnswer {
  const { messages } = request;
  const dialogue = createDialogue(script);
  let planned: Planned = { say: '' };
  let calls = 0;
  messages.forEach((message, i) => {
    switch (message.role) {
      case 'system':
        return;
      case 'user':
        planned = dialogue.user(message.content);
        return;
      case 'assistant':
        calls += message.toolCalls?.length ?? 0;
        dialogue.heard(message.content);
        planned = { say: '' };
        return;
      case 'tool': {
        const said = outcomeLine(script, toolOf(messages.slice(0, i), message.toolCallId), message.content);
        // Several results of one answer are spoken of together.
        planned = dialogue.planned({ say: [planned.say, said].filter((text) => text !== '').join(' ') });
      }
    }
  });
  const { action } = planned;
  if (!action) return { say: planned.say };
  if (!request.tools.some((tool) => tool.name === action.tool)) {
    return { say: outcomeLine(script, action.tool, '{"outcome":"not_offered"}') || (script.fallback[0] ?? '') };
  }
  const { tool, ...args } = action;
  return { say: planned.say, call: { id: `call_${calls + 1}`, name: tool, arguments: JSON.stringify(args) } };
}

function createDialogue(script: AgentScript): {
  user(content: string): Planned;
  heard(content: string): void;
  planned(plan: Planned): Planned;
} {
  const uses = new Map<ScriptIntent, number>();
  let misses = 0;
  let lastIntent: string | undefined;
  let lastPlan: Planned = { say: '' };
  let lastSaid = '';
  let asked = false;

  const plan = (next: Planned): Planned => {
    lastPlan = next;
    if (next.say !== '') lastSaid = next.say;
    asked = false;
    return next;
  };

  const ask = (about: Understood, leadIn: string): Planned => ({
    say: joined(leadIn, fill(about.intent.confirm ?? '', about)),
    question: { about, leadIn },
  });

  const act = (about: Understood): Planned => {
    const { intent } = about;
    const used = uses.get(intent) ?? 0;
    uses.set(intent, used + 1);
    const say = fill(nth(intent.reply, used), about);
    return intent.action ? { say, action: intent.action } : { say };
  };

  const miss = (lines: readonly string[], question: Question | undefined): Planned => {
    const line = nth(lines, misses++);
    return question ? ask(question.about, line) : { say: line };
  };

  const respond = (content: string): Planned => {
    const question = asked ? lastPlan.question : undefined;
    const text = content.trim();
    const pressed = PRESSED.exec(text)?.[1]?.toUpperCase();
    if (pressed === undefined && (text === '' || NOTE.test(text))) return miss(script.unclear, question);

    const answers = question ? [script.yes, script.no] : [];
    const open = script.intents.filter(({ after }) => after.length === 0 || after.includes(lastIntent ?? ''));
    // What follows on the last answer goes before what can be said at any time.
    const candidates = [
      ...answers,
      ...open.filter(({ after }) => after.length > 0),
      ...open.filter(({ after }) => after.length === 0),
    ];
    const understood =
      pressed === undefined ? understandText(script, text, candidates) : understandKeys(pressed, candidates);
    if (!understood) return miss(script.fallback, question);

    misses = 0;
    if (question && understood.intent === script.yes) return act(question.about);
    if (question && understood.intent === script.no) return { say: script.declined };
    if (understood.intent.repeats) return question ? ask(question.about, '') : { say: lastSaid };
    lastIntent = understood.intent.name;
    return understood.intent.confirm === undefined ? act(understood) : ask(understood, '');
  };

  return {
    user: (content) => plan(respond(content)),
    planned: plan,
    heard(content) {
      const { question } = lastPlan;
      if (!question) return;
      const heard = normaliseWords(content);
      const said = normaliseWords(lastPlan.say);
      if (heard.length > normaliseWords(question.leadIn).length && begins(said, heard)) asked = true;
    },
  };
}

/** Are `heard` the first words of `said`? The very last one may be cut off in the middle. */
function begins(said: readonly string[], heard: readonly string[]): boolean {
  return heard.every((word, i) => word === said[i] || (i === heard.length - 1 && said[i]?.startsWith(word) === true));
}

function nth(lines: readonly string[], n: number): string {
  return lines[Math.min(n, lines.length - 1)] ?? '';
}

function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(' ');
}

function fill(text: string, { slots }: Understood): string {
  return text.replace(/<([^>]*)>/g, (whole, name: string) => slots[name] ?? whole);
}

function toolOf(messages: readonly ChatMessage[], id: string): string {
  const calls = messages.flatMap((message) => (message.role === 'assistant' ? (message.toolCalls ?? []) : []));
  return calls.findLast((call) => call.id === id)?.name ?? '';
}

/** The line the script has for a tool's result; empty when it has none. */
function outcomeLine(script: AgentScript, tool: string, content: string): string {
  const byOutcome = script.outcomes[tool];
  return byOutcome?.[outcomeIn(content)] ?? byOutcome?.['otherwise'] ?? '';
}

/** `{"outcome": "busy"}` is the gateway's form of a result; anything else has no outcome the script could name. */
function outcomeIn(content: string): string {
  try {
    const parsed: unknown = JSON.parse(content);
    if (typeof parsed === 'object' && parsed !== null && 'outcome' in parsed) return String(parsed.outcome);
  } catch {
    // Results may be any text; `otherwise` is for them.
  }
  return '';
}
