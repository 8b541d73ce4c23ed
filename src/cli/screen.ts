import { stripVTControlCharacters, styleText } from 'node:util';

/** Where the demo writes: a terminal, a pipe, or memory. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

type Style = Parameters<typeof styleText>[0];

/** Who speaks, as wide as the widest, in a colour of one's own. */
const SPEAKERS: Readonly<Record<Speaker, readonly [label: string, style: Style]>> = {
  caller: ['caller', 'blue'],
  agent: ['agent ', 'green'],
  call: ['      ', 'dim'],
};

export type Speaker = 'caller' | 'agent' | 'call';

const INDENT = 18;
const MIN_COLUMNS = 50;
const MAX_COLUMNS = 110;

/** The demo's terminal: one line per turn, and on a real terminal a last line that shows what happens right now. */
export class Screen {
  /** A terminal that can show a status line. */
  readonly isLive: boolean;
  readonly #out: Output;
  readonly #isColoured: boolean;
  #hasStatus = false;

  /** @param env NO_COLOR (any value) turns colours off. */
  constructor(out: Output, env: Readonly<Record<string, string | undefined>>) {
    this.#out = out;
    this.isLive = (out.isTTY ?? false) && env['TERM'] !== 'dumb';
    this.#isColoured = this.isLive && (env['NO_COLOR'] ?? '') === '';
  }

  line(text = ''): void {
    this.#clearStatus();
    this.#out.write(`${text}\n`);
  }

  title(text: string): void {
    this.line(this.style('bold', text));
  }

  /** One turn or one thing that happened. `note` stands behind the text. */
  said(atMs: number, speaker: Speaker, text: string, note = ''): void {
    const [label, style] = SPEAKERS[speaker];
    const time = clock(atMs).padStart(6);
    const body = speaker === 'call' ? this.style('dim', text) : text;
    const lines = this.#wrap(body);
    if (note !== '') {
      const last = lines.pop() ?? '';
      const fits = stripVTControlCharacters(last).length + note.length + 2 <= this.#columns - INDENT;
      lines.push(...(fits ? [`${last}  ${this.style('dim', note)}`] : [last, this.style('dim', note)]));
    }
    this.line(`${this.style('dim', time)}   ${this.style(style, label)}   ${lines.join(`\n${' '.repeat(INDENT)}`)}`);
  }

  /** Shows what happens at this moment; the next line replaces it. Nothing on a pipe. */
  status(atMs: number, text: string): void {
    if (!this.isLive) return;
    const line = `${clock(atMs).padStart(6)}   ${text}`.slice(0, this.#columns - 1);
    this.#out.write(`\r\u001b[2K${this.style('dim', line)}`);
    this.#hasStatus = true;
  }

  /** A criterion with its verdict. */
  verdict(passed: boolean, name: string, detail: string): void {
    const mark = passed ? this.style('green', 'pass') : this.style('red', 'FAIL');
    this.line(`  ${mark}  ${name.padEnd(36)}  ${this.style('dim', detail)}`);
  }

  style(style: Style, text: string): string {
    return this.#isColoured ? styleText(style, text, { validateStream: false }) : text;
  }

  #clearStatus(): void {
    if (this.#hasStatus) this.#out.write('\r\u001b[2K');
    this.#hasStatus = false;
  }

  get #columns(): number {
    return Math.max(MIN_COLUMNS, Math.min(MAX_COLUMNS, this.#out.columns ?? 100));
  }

  #wrap(text: string): string[] {
    const lines: string[] = [];
    for (const word of text.split(' ')) {
      const last = lines.at(-1);
      const fits = last !== undefined && stripVTControlCharacters(`${last} ${word}`).length <= this.#columns - INDENT;
      if (fits) lines[lines.length - 1] = `${last} ${word}`;
      else lines.push(word);
    }
    return lines;
  }
}

/** `0:07.3` */
function clock(ms: number): string {
  const tenths = Math.floor(Math.max(0, ms) / 100);
  return `${Math.floor(tenths / 600)}:${String(Math.floor(tenths / 10) % 60).padStart(2, '0')}.${tenths % 10}`;
}
