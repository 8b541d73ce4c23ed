import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Redactor } from '../core/redaction.ts';
import type { EndRecord, JournalRecord } from '../journal/format.ts';
import type { LlmProvider, SttProvider, TtsProvider } from '../providers/ports.ts';
import type { Tool } from '../tools/tool.ts';
import type { TelnyxApi } from '../telnyx/commands.ts';
import type { DialGate } from './destinations.ts';
import type { LegName, PublicEvent } from './inputs.ts';
import type { DialTurns } from './dial-queue.ts';
import type { CallObserver } from './observer.ts';
import type { Sounds } from './sounds.ts';
import type { Wheel } from './wheel.ts';

/** The journal of one call. */
export interface CallJournal {
  append(record: JournalRecord, onWritten?: () => void): void;
  track(record: Uint8Array): void;
  close(end: EndRecord): void;
}

export interface AgentProviders {
  readonly stt: SttProvider;
  readonly llm: LlmProvider;
  readonly tts: TtsProvider;
}

/** An event as people get it. `id` increases over the whole gateway. */
export type PublishedEvent = PublicEvent & { readonly id: string; readonly callId: string; readonly at: string };

/** Everything a session needs from outside; memory in tests, the real thing in the gateway. */
export interface CallPorts {
  readonly clock: Clock;
  readonly wheel: Wheel;
  readonly log: Log;
  /** Masks what is written down and shown. Card numbers are masked when left out. */
  readonly redactor?: Redactor;
  readonly telnyx: TelnyxApi;
  readonly journal: CallJournal;
  /** Sees what the journal sees; must not throw (see `observers`). */
  readonly observer?: CallObserver | undefined;
  readonly providers: AgentProviders;
  /** The operator's own tools, as they stand when the call begins. */
  readonly tools?: readonly Tool[];
  readonly l16ByteOrder: 'auto' | 'little' | 'big';
  /** What callers hear on hold, mono at 8 kHz; built-in music when left out. */
  readonly holdMusic?: Int16Array | undefined;
  /** Whose turn it is to dial a call out. */
  readonly dials: DialTurns;
  /** What may be played to callers. */
  readonly sounds?: Sounds | undefined;
  /** Every leg that is dialled passes here first. */
  readonly destinations: DialGate;
  /** Makes the stream URL of `token` reachable for this leg and stream; replaces the leg's earlier token. */
  expectMedia(token: string, leg: LegName, epoch: number): string;
  /** The next event id. */
  eventId(): string;
  publish(event: PublishedEvent): void;
  /** An intent waited 50 ms for its journal line and went out before it. */
  journalBehind(): void;
  /** All legs are down and the journal is closed: forget the call. */
  finished(): void;
}
