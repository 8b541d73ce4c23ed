import type { HistoryEntry } from '../agent/dialogue/state.ts';
import type { AgentConfig } from '../agent/options.ts';
import type { CallPorts } from './ports.ts';
import type { CallState } from './state.ts';

/** What a call begins with. */
export interface SessionOptions {
  readonly callId: string;
  readonly seed: string;
  readonly config: AgentConfig;
  readonly state: CallState;
  readonly ports: CallPorts;
  /** After a restart: what was said before, and where the call's own counts stand. */
  readonly resumed?: {
    readonly history: readonly HistoryEntry[];
    readonly toolResults: Readonly<Record<string, string>>;
    readonly turn: number;
    readonly recorded: boolean;
    readonly recording?: 'off' | 'on' | 'paused' | undefined;
    readonly muted?: boolean | undefined;
    readonly seq: number;
    readonly t: number;
    readonly samples: number;
    readonly idCounts: Readonly<Record<string, number>>;
  };
}
