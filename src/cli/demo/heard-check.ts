/** How a piece of agent speech in the gateway's recording compares with what the phone heard. Times in samples of 8 kHz. */
export interface HeardStretch {
  /** Where it lies in the recording. */
  readonly at: number;
  readonly length: number;
  /** From its beginning on, so much is the same, sample by sample. */
  readonly same: number;
  /** How much later than the other stretches the phone heard it. */
  readonly shift: number;
}

export interface HeardComparison {
  readonly stretches: readonly HeardStretch[];
  /** Sound that the gateway believes was heard and the phone did not hear: longest piece. */
  readonly believedOnly: number;
  /** Sound that the phone heard and the gateway does not know of: longest piece. */
  readonly heardOnly: number;
  /** Largest difference in place. */
  readonly shift: number;
}

/** Silence of this length parts two stretches, each with a place of its own. */
const GAP = 0.05 * 8000;
/** Sound shorter than this, found once, could be chance. */
const LEAST = 160;
/** The phone's clock starts at the answer, the recording's with the stream. */
const FIRST_SEARCH = 3 * 8000;
/** Where the others are looked for around the place of the one before. */
const SEARCH = 0.3 * 8000;
/** A recording moves inside a turn, at a quiet place, by at most so much: when marks show that it lay too late. */
const MOVE = 0.04 * 8000;
/** Voices repeat themselves: less than this, found a little further off, is no proof of a move. */
const LEAST_MOVED = 0.2 * 8000;

/**
 * Compares what the gateway believes the caller heard (the agent's channel of its recording) with what the emulated phone
 * heard, sample by sample. Both hold the same G.711, so agreement is exact, but the clocks differ by a constant, and a cut
 * lies where each side thinks it was.
 */
export function compareHeard(believed: Int16Array, heard: Int16Array): HeardComparison {
  const unknown = heard.slice();
  const found: { at: number; length: number; same: number; place: number }[] = [];
  let expected = 0;
  let search = FIRST_SEARCH;
  let believedOnly = 0;
  const waiting = stretchesOf(believed, GAP).toReversed();
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { at, length } = next;
    const stretch = believed.subarray(at, at + length);
    const { place, same } = findStretch(stretch, heard, at + expected, search);
    const [moved] = same === 0 ? [] : stretchesOf(stretch.subarray(same), Infinity);
    const rest = moved && { at: at + same + moved.at, length: moved.length };
    const goesOn =
      rest !== undefined &&
      findStretch(believed.subarray(rest.at, rest.at + rest.length), heard, rest.at + place - at, MOVE).same >=
        LEAST_MOVED;
    if (goesOn) waiting.push(rest);
    else believedOnly = Math.max(believedOnly, soundIn(stretch.subarray(same)));
    found.push({ at, length: goesOn ? same : length, same, place });
    if (same === 0) continue;
    unknown.fill(0, place, place + same);
    expected = place - at;
    search = goesOn ? MOVE : SEARCH;
  }
  const offsets = found.filter(({ same }) => same > 0).map(({ at, place }) => place - at);
  const usual = offsets.toSorted((a, b) => a - b)[offsets.length >> 1] ?? 0;
  const stretches = found.map(({ at, length, same, place }) => ({
    at,
    length,
    same,
    shift: same > 0 ? place - at - usual : 0,
  }));
  return {
    stretches,
    believedOnly,
    heardOnly: Math.max(0, ...stretchesOf(unknown, GAP).map(({ length }) => length)),
    shift: Math.max(0, ...stretches.map(({ shift }) => Math.abs(shift))),
  };
}

/** Stretches that begin and end with sound and hold no silence of `gap` samples. */
function stretchesOf(samples: Int16Array, gap: number): { at: number; length: number }[] {
  const stretches: { at: number; length: number }[] = [];
  let start = -1;
  let last = -1;
  for (let at = 0; at < samples.length; at++) {
    if (samples[at] === 0) continue;
    if (start < 0 || at - last > gap) {
      if (start >= 0) stretches.push({ at: start, length: last + 1 - start });
      start = at;
    }
    last = at;
  }
  if (start >= 0) stretches.push({ at: start, length: last + 1 - start });
  return stretches;
}

/** The place within `reach` of `around` where most of `stretch` is heard from its beginning on; the nearest of equals. */
function findStretch(
  stretch: Int16Array,
  heard: Int16Array,
  around: number,
  reach: number,
): { place: number; same: number } {
  let best = { place: around, same: 0 };
  for (let step = 0; step <= 2 * reach && best.same < stretch.length; step++) {
    const place = around + (step % 2 === 0 ? step / 2 : -(step + 1) / 2);
    const same = sameFrom(stretch, heard, place);
    if (same > best.same) best = { place, same };
  }
  return best.same >= Math.min(LEAST, stretch.length) ? best : { place: around, same: 0 };
}

function sameFrom(stretch: Int16Array, heard: Int16Array, place: number): number {
  if (place < 0) return 0;
  let same = 0;
  while (same < stretch.length && stretch[same] === heard[place + same]) same++;
  return same;
}

/** Samples from the first sound to the last. */
function soundIn(samples: Int16Array): number {
  const [only] = stretchesOf(samples, Infinity);
  return only?.length ?? 0;
}
