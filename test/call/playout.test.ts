import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Playout, type PlayoutOptions } from '../../src/call/playout.ts';

const FRAME = 160;
const LEAD = 200;

/** Audio whose frames say their own number in their first two bytes. */
function speech(bytes: number, from = 0): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => {
    const at = from + i;
    const frame = Math.floor(at / FRAME);
    return at % FRAME === 0 ? frame >> 8 : at % FRAME === 1 ? frame & 0xff : 1;
  });
}

/**
 * A model of the far end, millisecond by millisecond: plays frames one after the other, echoes a mark when what came before
 * it was played, and gives all marks back at a clear.
 */
class Line {
  readonly playout: Playout;
  readonly log: string[] = [];
  readonly heard: { turn: number; from: number; length: number }[] = [];
  readonly played: string[] = [];
  t = 0;
  /** Frames that wait or play: which one, and when it starts. */
  #queue: { frame: number; at: number }[] = [];
  #marks: { name: string; at: number }[] = [];
  #position = 0;
  #endsAt = 0;

  constructor(options: Partial<PlayoutOptions> = {}) {
    this.playout = new Playout(
      {
        frame: (bytes) => {
          expect(bytes.length).toBe(FRAME);
          const frame = (bytes[0] ?? 0) * 256 + (bytes[1] ?? 0);
          this.log.push(`${this.t} #${frame}`);
          const at = Math.max(this.t, this.#endsAt);
          this.#queue.push({ frame, at });
          this.#endsAt = at + 20;
        },
        mark: (name) => {
          this.log.push(`${this.t} ${name}`);
          this.#marks.push({ name, at: Math.max(this.t, this.#endsAt) });
        },
        clear: () => {
          this.log.push(`${this.t} clear`);
          this.#position = this.truth();
          this.#queue = [];
          this.#endsAt = this.t;
          for (const mark of this.#marks) mark.at = this.t + 1;
        },
        run: () => undefined,
        heard: (bytes, { turn, fromByte }) => void this.heard.push({ turn, from: fromByte, length: bytes.length }),
        played: (turn, by) => void this.played.push(`${this.t} turn ${turn} ${by}`),
      },
      {
        frameBytes: FRAME,
        bytesPerMs: 8,
        silence: (bytes) => speech(bytes, this.playout.view(this.t).writtenBytes),
        ...options,
      },
    );
  }

  /** The byte of the turn that the caller is hearing, or heard last. */
  truth(): number {
    const playing = this.#queue.findLast(({ at }) => at <= this.t);
    return playing ? playing.frame * FRAME + Math.min(FRAME, (this.t - playing.at) * 8) : this.#position;
  }

  /** Audio sent and not yet heard, in milliseconds. */
  get ahead(): number {
    return Math.max(0, this.#endsAt - this.t);
  }

  begin(turn: number): void {
    this.playout.begin(turn);
    this.#position = 0;
    this.#queue = [];
  }

  resume(from: number): void {
    this.#position = from - (from % FRAME);
    this.#queue = [];
    this.playout.resume(this.t, from);
  }

  /** One millisecond at a time, as wheel and socket would. */
  run(ms: number, every: () => void = () => undefined): void {
    for (const end = this.t + ms; this.t < end;) {
      this.t++;
      if (this.playout.due() <= this.t) this.playout.advance(this.t);
      for (const mark of this.#marks.filter(({ at }) => at <= this.t)) {
        this.#marks.splice(this.#marks.indexOf(mark), 1);
        this.playout.markEchoed(mark.name, this.t);
      }
      every();
    }
  }

  /** Marks that are on their way back are lost. */
  loseMarks(): void {
    this.#marks = [];
  }

  frames(): number[] {
    return this.log.flatMap((line) => (line.includes('#') ? [Number(line.split('#')[1])] : []));
  }
}

describe('playout on time', () => {
  it('sends the lead at once and then one frame every 20 ms, on absolute deadlines', () => {
    const line = new Line();
    line.t = 1000;
    line.begin(1);
    line.playout.write(speech(30 * FRAME));
    line.playout.advance(1000);
    line.run(500);

    const times = line.log.filter((entry) => entry.includes('#')).map((entry) => Number(entry.split(' ')[0]));
    // Frame n is due when the caller is to hear it, less 200 ms.
    expect(times).toEqual(Array.from({ length: 30 }, (_, n) => Math.max(1000, 1000 + n * 20 - LEAD)));
    expect(line.frames()).toEqual(Array.from({ length: 30 }, (_, n) => n));
  });

  it('marks every 400 ms and the end', () => {
    const line = new Line();
    line.begin(3);
    line.playout.write(speech(1000 * 8));
    line.playout.end();
    line.run(1100);

    expect(line.log.filter((entry) => entry.includes('t3:')).map((entry) => entry.split(' ')[1])).toEqual([
      't3:3200',
      't3:6400',
      't3:8000',
    ]);
    expect(line.played).toEqual(['1001 turn 3 mark']);
  });

  it('does not mark the same place twice when the end falls on a mark', () => {
    const line = new Line();
    line.begin(1);
    line.playout.write(speech(3200));
    line.playout.end();
    line.run(500);

    expect(line.log.filter((entry) => entry.includes('t1:'))).toEqual(['181 t1:3200']);
  });

  it.each([1, 79, 159, 161, 240, 1601])('fills the last frame of %i bytes with silence', (bytes) => {
    const line = new Line();
    line.begin(1);
    for (const byte of speech(bytes)) line.playout.write(Uint8Array.of(byte));
    line.playout.end();
    line.run(2000);

    expect(line.frames()).toHaveLength(Math.ceil(bytes / FRAME));
    expect(line.playout.view(line.t)).toMatchObject({ writtenBytes: Math.ceil(bytes / FRAME) * FRAME });
    expect(line.played).toHaveLength(1);
  });

  it('ends a turn without audio at once', () => {
    const line = new Line();
    line.begin(1);
    line.playout.end();
    line.run(2);

    expect(line.played).toEqual(['1 turn 1 clock']);
  });

  it('takes a turn whose last mark is lost as played one second after it must have been', () => {
    const line = new Line();
    line.begin(1);
    line.playout.write(speech(800));
    line.playout.end();
    line.run(50);
    line.loseMarks();
    line.run(1100);

    expect(line.played).toEqual(['1101 turn 1 clock']);
  });

  it('ends a turn at once when its last mark came back before the end was told', () => {
    const line = new Line();
    line.begin(1);
    line.playout.write(speech(3200));
    line.run(500);
    line.playout.end();
    line.run(1);

    expect(line.played).toEqual(['501 turn 1 clock']);
  });

  it('takes nothing after the end, before the begin or after a drop', () => {
    const line = new Line();
    expect(line.playout.write(speech(160))).toBe(0);
    line.begin(1);
    expect(line.playout.write(speech(160))).toBe(160);
    line.playout.end();
    expect(line.playout.write(speech(160))).toBe(0);
    line.begin(2);
    line.playout.drop(0);
    expect(line.playout.write(speech(160))).toBe(0);
  });

  it('takes 60 s of a turn and no more', () => {
    const line = new Line();
    line.begin(1);

    expect(line.playout.write(new Uint8Array(59 * 8000))).toBe(59 * 8000);
    expect(line.playout.write(new Uint8Array(2 * 8000))).toBe(8000);
    expect(line.playout.write(new Uint8Array(1))).toBe(0);
    expect(line.playout.view(0).writtenBytes).toBe(60 * 8000);
  });
});

describe('playout that is late', () => {
  it('counts a hole when the voice is too slow, and starts its lead again', () => {
    const line = new Line();
    line.begin(1);
    line.playout.write(speech(1600));
    line.run(500);
    line.playout.write(speech(1600, 1600));
    line.playout.end();
    line.run(600);

    expect(line.playout.underruns).toBe(1);
    expect(line.frames()).toEqual(Array.from({ length: 20 }, (_, n) => n));
    expect(line.played).toEqual(['701 turn 1 mark']);
  });

  it('counts no hole while more is waited for on purpose, and the next one that is one', () => {
    const line = new Line();
    line.begin(1);
    line.playout.write(speech(1650));
    line.playout.rest();
    line.run(900);
    line.playout.write(speech(1600, 1650));
    line.run(900);
    expect(line.playout.underruns).toBe(0);

    line.playout.write(speech(1600, 3250));
    line.playout.end();
    line.run(600);
    expect(line.playout.underruns).toBe(1);
  });

  it('counts a hole before the rest', () => {
    const line = new Line();
    line.begin(1);
    line.playout.write(speech(1600));
    line.run(500);
    line.playout.write(speech(1600, 1600));
    line.playout.rest();
    line.run(600);

    expect(line.playout.underruns).toBe(1);
  });

  it('makes up for a stall within the lead without a hole', () => {
    const line = new Line();
    line.begin(1);
    line.playout.write(speech(8000));
    line.run(100);
    line.t = 250;
    line.playout.advance(250);

    expect(line.playout.underruns).toBe(0);
    expect(line.ahead).toBeGreaterThan(180);
    expect(line.ahead).toBeLessThanOrEqual(LEAD + 20);
  });

  it('sends the lead and not everything after a longer stall, and knows what was heard', () => {
    const line = new Line();
    line.begin(1);
    line.playout.write(speech(4 * 8000));
    line.run(100);
    const sent = line.frames().length;
    line.t = 3000;
    line.playout.advance(3000);

    expect(line.frames().length - sent).toBe(11);
    expect(line.playout.underruns).toBe(1);
    line.run(500, () =>
      expect(Math.abs(line.playout.view(line.t).heardBytes - line.truth())).toBeLessThanOrEqual(FRAME),
    );
  });
});

describe('playout that is interrupted', () => {
  it('clears at once, keeps the rest, and goes on at a frame border', () => {
    const line = new Line();
    line.begin(1);
    line.playout.write(speech(8000));
    line.playout.end();
    line.run(333);
    line.playout.pause(333);
    const { heardBytes } = line.playout.view(333);
    line.run(1000);
    expect(line.log.at(-1)).toBe('333 clear');
    line.resume(heardBytes);
    line.run(1000);

    expect(heardBytes).toBe(line.heard[0]?.length);
    const second = line.frames().indexOf(Math.floor(heardBytes / FRAME), 20);
    expect(line.frames().slice(second)).toEqual(
      Array.from({ length: 50 - Math.floor(heardBytes / FRAME) }, (_, n) => Math.floor(heardBytes / FRAME) + n),
    );
    expect(line.played).toHaveLength(1);
  });

  it('does not take the marks that a clear gives back as heard', () => {
    const line = new Line();
    line.begin(1);
    line.playout.write(speech(8000));
    line.run(250);
    line.playout.pause(250);
    const frozen = line.playout.view(250).heardBytes;
    line.run(50);

    expect(line.playout.view(300).heardBytes).toBe(frozen);
    expect(line.heard.reduce((sum, { length }) => sum + length, 0)).toBe(frozen);
  });

  it('does not wait for ever for the marks of a socket that is gone', () => {
    const line = new Line();
    line.begin(1);
    line.playout.write(speech(800));
    line.playout.end();
    line.run(20);
    line.playout.pause(20);
    line.loseMarks();
    line.playout.forgetMarks();
    line.resume(0);
    line.run(150);

    expect(line.played).toEqual(['120 turn 1 mark']);
  });

  it('ends a turn that is resumed where it ended', () => {
    const line = new Line();
    line.begin(1);
    line.playout.write(speech(800));
    line.playout.end();
    line.run(60);
    line.loseMarks();
    line.run(60);
    line.playout.pause(120);
    expect(line.playout.view(120).heardBytes).toBe(800);
    line.resume(800);

    expect(line.played).toEqual(['120 turn 1 clock']);
    expect(line.playout.due()).toBe(Infinity);
  });

  it('forgets a turn that is dropped: no audio, no marks, no end', () => {
    const line = new Line();
    line.begin(1);
    line.playout.write(speech(8000));
    line.playout.end();
    line.run(300);
    line.playout.drop(300);
    const sent = line.frames().length;
    line.run(2000);

    expect(line.frames()).toHaveLength(sent);
    expect(line.played).toEqual([]);
    expect(line.log.at(-1)).toBe('300 clear');
  });

  it('sends no clear when nothing was sent', () => {
    const line = new Line();
    line.begin(1);
    line.playout.pause(0);
    line.playout.write(speech(800));
    line.run(100);
    expect(line.log).toEqual([]);
    line.resume(0);

    expect(line.frames()).toEqual([0, 1, 2, 3, 4]);
  });

  it('drops a mark of an older turn and one that it never sent', () => {
    const line = new Line();
    line.begin(1);
    line.playout.write(speech(3200));
    line.run(210);
    line.begin(2);
    line.playout.markEchoed('t1:3200', 300);
    line.playout.markEchoed('t2:999999', 300);
    line.playout.markEchoed('anything', 300);

    expect(line.playout.view(300)).toEqual({ turn: 2, writtenBytes: 0, sentBytes: 0, heardBytes: 0 });
  });
});

describe('playout against a model of the far end', () => {
  type Act =
    | { readonly do: 'write'; readonly bytes: number }
    | { readonly do: 'end' | 'pause' | 'drop' | 'begin' | 'lose socket' }
    | { readonly do: 'resume'; readonly back: number }
    | { readonly do: 'run'; readonly ms: number };
  const act: fc.Arbitrary<Act> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('write' as const), bytes: fc.integer({ min: 0, max: 6000 }) }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('run' as const), ms: fc.integer({ min: 0, max: 900 }) }) },
    { weight: 2, arbitrary: fc.constantFrom<Act>({ do: 'pause' }, { do: 'end' }, { do: 'lose socket' }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('resume' as const), back: fc.integer({ min: 0, max: 3000 }) }),
    },
    { weight: 1, arbitrary: fc.constantFrom<Act>({ do: 'drop' }, { do: 'begin' }) },
  );

  it('knows within a frame, at every millisecond, what is heard; is never more than its lead ahead; loses and repeats nothing', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 30 }), (acts) => {
        const line = new Line();
        let turn = 1;
        let written = 0;
        let paused = false;
        line.begin(turn);
        /** A turn that was played to its end can be paused no more. */
        const over = (): boolean => line.played.some((entry) => entry.includes(`turn ${turn} `));
        const check = (): void => {
          const { heardBytes, sentBytes, writtenBytes } = line.playout.view(line.t);
          const off = Math.abs(heardBytes - line.truth());
          if (off > FRAME || heardBytes > sentBytes || sentBytes > writtenBytes || line.ahead > LEAD + 20) {
            throw new Error(`at ${line.t}: heard ${heardBytes}, in truth ${line.truth()}, ahead ${line.ahead} ms`);
          }
        };
        for (const one of acts) {
          if (one.do === 'write') {
            const taken = line.playout.write(speech(one.bytes, written));
            written += taken;
            line.playout.advance(line.t);
          } else if (one.do === 'run') line.run(one.ms, check);
          else if (one.do === 'end') line.playout.end();
          else if (one.do === 'pause') {
            line.playout.pause(line.t);
            paused = !over();
          } else if (one.do === 'resume' && paused) {
            paused = false;
            line.resume(Math.max(0, line.playout.view(line.t).heardBytes - one.back));
          } else if (one.do === 'lose socket') {
            line.playout.pause(line.t);
            paused = !over();
            line.loseMarks();
            line.playout.forgetMarks();
          } else if (one.do === 'drop' || one.do === 'begin') {
            line.playout.drop(line.t);
            line.begin(++turn);
            written = 0;
            paused = false;
          }
          check();
        }
        if (paused) line.resume(line.playout.view(line.t).heardBytes);
        line.playout.end();
        line.run(Math.ceil(written / 8) + 2000, check);

        expect(line.played.filter((entry) => entry.includes(`turn ${turn} `))).toHaveLength(1);
        expect(new Set(line.played.map((entry) => entry.split(' ')[2])).size).toBe(line.played.length);
        expect(line.playout.due()).toBe(Infinity);
        // What was reported as heard has no hole and reaches the end.
        const reports = line.heard.filter((report) => report.turn === turn);
        let reached = 0;
        for (const { from, length } of reports) {
          expect(from).toBeLessThanOrEqual(reached);
          reached = Math.max(reached, from + length);
        }
        expect(reached).toBe(Math.ceil(written / FRAME) * FRAME);
      }),
      { numRuns: 400 },
    );
  });
});
