import { createIds, randomSeed } from '../core/ids.ts';
import { LandlineError } from '../core/errors.ts';
import type { MachineDetectionMode } from '../telnyx/commands.ts';
import { dialRequest, type DialRequest, type MachineDetection } from './dial-request.ts';
import type { DialQueue } from './dial-queue.ts';
import type { Destinations } from './destinations.ts';
import type { CallRegistry, ReadyAgent } from './registry.ts';
import { agentFor, type Routing } from './routing.ts';
import type { Session } from './session.ts';

export interface DialerOptions {
  readonly registry: CallRegistry;
  readonly agents: ReadonlyMap<string, ReadyAgent>;
  readonly routing: Routing;
  readonly destinations: Pick<Destinations, 'check'>;
  readonly queue: Pick<DialQueue, 'isFull'>;
  readonly telnyx: {
    readonly connectionId?: string | undefined;
    /** Default caller id. */
    readonly fromNumber?: string | undefined;
  };
  /** Is this number one of the Telnyx account's? Undefined: it could not be asked. */
  readonly ownsNumber: (number: string) => Promise<boolean | undefined>;
  /** Numbers that the operator wrote down himself: the ones set by API could be anybody's. */
  readonly configured: readonly string[];
}

const RING_SECONDS = 30;

/** Places calls: the one door for the API, the command line, programs that embed the gateway, and rooms. */
export class Dialer {
  readonly #options: DialerOptions;

  constructor(options: DialerOptions) {
    this.#options = options;
  }

  /** An id for a call to come, for whoever has to know it before {@link dial}. */
  newCallId(): string {
    return `call_${createIds(randomSeed()).hex('call')}`;
  }

  /**
   * Checks everything that can be checked and puts the call in line. What becomes of it is told by its events.
   *
   * @throws ZodError for a request that is none; LandlineError `destination_not_allowed`, `caller_id_not_allowed`,
   * `dial_not_configured`, `dial_queue_full`, `gateway_draining`, `gateway_full`, `request_invalid`, `telnyx_command_failed`.
   */
  async dial(request: DialRequest, callId: string = this.newCallId()): Promise<Session> {
    const asked = dialRequest.parse(request);
    const { registry, telnyx, destinations } = this.#options;
    this.#needRoom();
    if (telnyx.connectionId === undefined) {
      throw new LandlineError(
        'dial_not_configured',
        'calls out need TELNYX_CONNECTION_ID: the id of the Call Control application in the Telnyx portal (Voice, Programmable Voice)',
      );
    }
    const from = asked.from ?? telnyx.fromNumber;
    if (from === undefined) {
      throw new LandlineError(
        'dial_not_configured',
        'name the caller id: "from" in the request, or TELNYX_FROM_NUMBER for all calls out',
      );
    }
    const name = this.#agentName(asked.agent, from);
    const agent = this.#options.agents.get(name);
    if (!agent) throw new LandlineError('request_invalid', `there is no agent "${name.slice(0, 64)}"`);
    const to = destinations.check({
      callId: undefined,
      to: asked.to,
      listed: Object.values(agent.config.transferTargets),
      here: from,
    });
    await this.#needCallerId(from);
    // It may have been drained, or filled, while Telnyx was asked.
    this.#needRoom();
    return registry.dial({
      callId,
      to,
      from,
      agent: name,
      metadata: asked.metadata ?? {},
      ringTimeoutMs: (asked.ringTimeoutSeconds ?? RING_SECONDS) * 1000,
      maxDurationMs:
        asked.maxDurationSeconds === undefined ? agent.limits.maxDurationMs : asked.maxDurationSeconds * 1000,
      machineDetection: modeOf(asked.machineDetection),
      digits: asked.dtmf,
    });
  }

  #needRoom(): void {
    const { registry, queue } = this.#options;
    if (registry.draining) throw new LandlineError('gateway_draining', 'the gateway is closing and dials nobody');
    if (registry.full) {
      throw new LandlineError('gateway_full', 'as many calls are up as may be (maxConcurrentCalls); try again later', {
        retryable: true,
      });
    }
    if (queue.isFull) {
      throw new LandlineError(
        'dial_queue_full',
        'too many calls out are waiting already (outbound.maxQueued); try again later',
        { retryable: true },
      );
    }
  }

  #agentName(asked: string | undefined, from: string): string {
    const { agents, routing } = this.#options;
    const name = asked ?? agentFor(routing, from) ?? (agents.size === 1 ? [...agents.keys()][0] : undefined);
    if (name !== undefined && agents.has(name)) return name;
    const known = [...agents.keys()].join(', ');
    throw new LandlineError(
      'request_invalid',
      name === undefined
        ? `agent: say which one makes the call (${known}): none answers the caller id, and there is no defaultAgent`
        : `agent: there is no "${name.slice(0, 64)}"; there are: ${known}`,
    );
  }

  /** A number that is not ours would be refused by Telnyx, or show somebody else's. */
  async #needCallerId(from: string): Promise<void> {
    const { telnyx, configured, ownsNumber } = this.#options;
    if (from === telnyx.fromNumber || configured.includes(from)) return;
    const owns = await ownsNumber(from);
    if (owns === true) return;
    throw owns === false
      ? new LandlineError(
          'caller_id_not_allowed',
          'from must be TELNYX_FROM_NUMBER, a number in the config, or another number of the Telnyx account',
        )
      : new LandlineError(
          'telnyx_command_failed',
          'from is neither TELNYX_FROM_NUMBER nor in the config, and Telnyx does not say at the moment whether it is a number of the account',
          { retryable: true },
        );
  }
}

function modeOf(asked: MachineDetection | undefined): MachineDetectionMode | undefined {
  if (asked === undefined || asked === false) return undefined;
  return asked === true ? 'greeting_end' : asked;
}
