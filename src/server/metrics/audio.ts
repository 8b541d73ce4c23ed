import type { Counter } from 'prom-client';
import type { PublicEvent } from '../../call/inputs.ts';
import type { MediaCounters, MediaLeg } from '../../call/media-leg.ts';
import type { Instruments } from './instruments.ts';
import type { MetricsSources } from './sources.ts';

type Sums = MediaCounters & { underruns: number };

const FAULTS = ['lost', 'late', 'duplicate', 'reordered'] as const;

/** The sound: frames both ways, how punctual they are, sockets, recordings. Counted by the legs, read when scraped. */
export class AudioMetrics {
  readonly #over: Sums = {
    ...{ framesIn: 0, framesOut: 0, bad: 0, ignored: 0, unread: 0 },
    ...{ lost: 0, duplicate: 0, late: 0, reordered: 0, underruns: 0 },
  };
  readonly #sources: MetricsSources;
  readonly #refused: Counter;
  readonly #stalls: Counter;
  readonly #mismatches: Counter;
  readonly #streams: Counter<'change'>;
  readonly #recordings: Counter;

  constructor(on: Instruments, sources: MetricsSources) {
    this.#sources = sources;
    const sessions = (): MediaLeg[] => [...sources.sessions()].map(({ media }) => media);
    on.counted(
      'landline_media_frames_total',
      'Media messages with audio, by direction.',
      (report) => {
        const { framesIn, framesOut } = this.#sums();
        report(framesIn, { direction: 'in' });
        report(framesOut, { direction: 'out' });
      },
      ['direction'],
    );
    on.counted(
      'landline_media_frame_faults_total',
      'Inbound frames that were lost (and concealed), late, double or out of order.',
      (report) => {
        const sums = this.#sums();
        for (const fault of FAULTS) report(sums[fault], { fault });
      },
      ['fault'],
    );
    on.counted('landline_media_bad_messages_total', 'Media messages that could not be read.', (report) =>
      report(this.#sums().bad),
    );
    on.counted('landline_media_unread_total', 'Media sockets closed because Telnyx stopped reading.', (report) =>
      report(this.#sums().unread),
    );
    on.gauge('landline_media_sockets', 'Media sockets that are open.', (report) =>
      report(sessions().filter((media) => media.isOpen).length),
    );
    this.#refused = on.counter('landline_media_upgrades_refused_total', 'Media upgrades without a good token.');
    this.#streams = on.counter(
      'landline_media_streams_total',
      'Streams that were lost or restored.',
      ['change'],
      [{ change: 'lost' }, { change: 'restored' }],
    );
    this.#mismatches = on.counter('landline_codec_mismatches_total', 'Calls whose audio was in the other law.');
    on.bucketed(
      'landline_playout_lateness_seconds',
      'How late a call was served whose frame or timer was due.',
      sources.lateness,
    );
    on.counted('landline_playout_underruns_total', 'Holes inside agent turns.', (report) =>
      report(this.#sums().underruns),
    );
    this.#stalls = on.counter('landline_stalls_total', 'Times a call was served more than 200 ms late.');
    on.gauge('landline_recordings_active', 'Calls that are being recorded.', (report) =>
      report(sessions().filter((media) => media.recorder.isOn).length),
    );
    this.#recordings = on.counter('landline_recordings_total', 'Recordings begun.');
  }

  event(event: PublicEvent): void {
    if (event.type === 'recording.started') this.#recordings.inc();
    if (event.type === 'codec.mismatch') this.#mismatches.inc();
    if (event.type !== 'call.updated') return;
    const { stream } = event.data;
    if (stream === 'lost' || stream === 'restored') this.#streams.inc({ change: stream });
  }

  stalled(): void {
    this.#stalls.inc();
  }

  upgradeRefused(): void {
    this.#refused.inc();
  }

  /** A call is over: what its leg counted goes on counting. To be called as the call leaves the sessions. */
  over(media: MediaLeg): void {
    add(this.#over, media);
  }

  #sums(): Sums {
    const sums = { ...this.#over };
    for (const { media } of this.#sources.sessions()) add(sums, media);
    return sums;
  }
}

function add(sums: Sums, { counters, playout }: MediaLeg): void {
  for (const [name, count] of Object.entries(counters) as [keyof MediaCounters, number][]) sums[name] += count;
  sums.underruns += playout.underruns;
}
