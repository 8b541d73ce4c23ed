/** Cuts utterances out of a stream of samples, each with the moment before it, in which speech had begun unnoticed. */
export interface UtteranceAudio {
  /** Keeps the array. */
  write(samples: Int16Array): void;
  /** From here on everything is kept, and the lead-in before. Inside an utterance it changes nothing. */
  begin(): void;
  /** What was kept, in one piece; empty without a `begin`. `dropped`: samples beyond the limit. */
  finish(): { readonly samples: Int16Array; readonly dropped: number };
}

/**
 * @param leadIn samples kept from before `begin`, never from before the last `finish`: no word is recognised twice.
 * @param limit samples of one utterance with its lead-in; what comes later is counted and dropped.
 */
export function createUtteranceAudio(leadIn: number, limit: number): UtteranceAudio {
  let pieces: Int16Array[] = [];
  let size = 0;
  let dropped = 0;
  let running = false;

  return {
    write(samples) {
      const room = running ? limit - size : Infinity;
      const kept = samples.length > room ? samples.subarray(0, room) : samples;
      dropped += samples.length - kept.length;
      pieces.push(kept);
      size += kept.length;
      if (!running && size > leadIn) {
        // By whole pieces where possible; the first one that stays is shortened to the sample.
        for (let first = pieces[0]; first && size - first.length >= leadIn; first = pieces[0]) {
          pieces.shift();
          size -= first.length;
        }
        if (pieces[0]) pieces[0] = pieces[0].subarray(size - leadIn);
        size = leadIn;
      }
    },
    begin() {
      running = true;
    },
    finish() {
      if (!running) return { samples: new Int16Array(0), dropped: 0 };
      const result = { samples: new Int16Array(size), dropped };
      let at = 0;
      for (const piece of pieces) {
        result.samples.set(piece, at);
        at += piece.length;
      }
      pieces = [];
      size = 0;
      dropped = 0;
      running = false;
      return result;
    },
  };
}
