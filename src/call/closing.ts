import type { AgentConfig } from '../agent/options.ts';
import { messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Chronicle } from './chronicle.ts';
import type { CollectDesk } from './collect-desk.ts';
import type { CommandDesk } from './command-desk.ts';
import type { Consultation } from './consultation.ts';
import type { Door } from './door.ts';
import type { Effects } from './effects.ts';
import type { Party } from './party.ts';
import type { CallPorts } from './ports.ts';
import type { CallState } from './state.ts';
import type { ToolDesk } from './tool-desk.ts';
import type { Timed } from './wheel.ts';

export interface ClosingOptions {
  readonly session: Timed & { readonly callId: string; readonly config: Pick<AgentConfig, 'prices'> };
  readonly ports: Pick<CallPorts, 'dials' | 'finished' | 'wheel'>;
  readonly log: Log;
  readonly door: Door;
  readonly party: Party;
  readonly consultation: Consultation;
  readonly collects: CollectDesk;
  readonly tools: ToolDesk;
  readonly commands: CommandDesk;
  readonly chronicle: Chronicle;
  readonly effects: Effects;
}

/** The last things a call does (docs/closures.md). Whatever of them throws, the rest is done. */
export class Closing {
  readonly #options: ClosingOptions;

  constructor(options: ClosingOptions) {
    this.#options = options;
  }

  /** The books are closed: nothing is written after this. */
  finish(reason: NonNullable<CallState['endReason']>, t: number): void {
    const { chronicle, ports, session } = this.#options;
    this.letGo(1000, 'call ended', t);
    this.#attempt(() => chronicle.end(reason, t, session.config.prices));
    this.#attempt(() => ports.dials.leave(session.callId));
    this.#attempt(() => ports.finished());
  }

  /** Everything is closed as far as it can be, and the legs that `state` has up are ordered down. */
  abandon({ legs, answeredAt, endReason: reason = 'error' }: CallState, t: number): void {
    const { chronicle, commands, effects } = this.#options;
    for (const leg of Object.values(legs)) {
      if (leg.phase === 'ended') continue;
      this.#attempt(() => commands.hangUpNow(leg.name));
    }
    const durationMs = answeredAt === undefined ? 0 : Math.round(t - answeredAt);
    if (!chronicle.endTold) {
      this.#attempt(() => effects.publish({ type: 'call.ended', data: { reason, durationMs } }, t));
    }
    this.finish(reason, t);
  }

  /** Sockets, provider streams, tools and timers. */
  letGo(code: number, why: string, t: number): void {
    const { collects, consultation, door, party, ports, session, tools } = this.#options;
    door.close();
    this.#attempt(() => party.hush());
    this.#attempt(() => consultation.party?.hush());
    this.#attempt(() => consultation.party?.media.close(code, why));
    this.#attempt(() => collects.close());
    this.#attempt(() => tools.close());
    this.#attempt(() => party.media.recorder.finish(t));
    this.#attempt(() => party.media.close(code, why));
    this.#attempt(() => ports.wheel.remove(session));
  }

  #attempt(run: () => void): void {
    try {
      run();
    } catch (thrown) {
      this.#options.log.error({ error: messageOf(thrown) }, 'call fault at its end');
    }
  }
}
