import type { ControlAction } from '../call/inputs.ts';
import type { CallRegistry } from '../call/registry.ts';
import type { Session } from '../call/session.ts';
import { LandlineError } from '../core/errors.ts';
import type { CallReader } from './call-reader.ts';
import type { CallView } from './call-view.ts';

/** What people and programs do to calls goes through here, and from here through the call's door. */
export interface CallActions {
  /** The live call; waits for a takeover that is under way. */
  readonly find: (id: string) => Promise<Session | undefined>;
  /**
   * Posts the action through the call's door.
   *
   * @param by who asks, as `request.caller` says
   * @throws LandlineError `call_not_found`, `call_not_active`, and what `action` throws
   */
  readonly act: (id: string, action: (session: Session) => ControlAction, by: string) => Promise<CallView>;
  /** @throws LandlineError `call_not_active` unless the call is in conversation. */
  readonly needTalking: (session: Session) => void;
}

export function callActions(options: {
  readonly registry: CallRegistry;
  readonly reader: CallReader;
  /** Every call of an earlier process is ours, or closed. */
  readonly recovered: () => Promise<void>;
}): CallActions {
  const { registry, reader, recovered } = options;
  const find = async (id: string): Promise<Session | undefined> => {
    if (!registry.sessions.has(id)) await recovered();
    return registry.sessions.get(id);
  };
  return {
    find,
    act: async (id, action, by) => {
      const session = await find(id);
      if (!session) {
        await reader.view(id);
        throw new LandlineError('call_not_active', `call ${id} has ended`);
      }
      session.post({ type: 'control', action: action(session), by });
      return reader.view(id);
    },
    needTalking: ({ callId, state, talkingLeg, dialogue }) => {
      const phase = talkingLeg?.phase ?? 'no leg';
      if (phase !== 'streaming') {
        throw new LandlineError('call_not_active', `call ${callId} is not in conversation (${phase})`);
      }
      if (state.hold) throw new LandlineError('call_not_active', `call ${callId} is on hold: resume it first`);
      if (state.transfer) throw new LandlineError('call_not_active', `call ${callId} is being put through`);
      if (dialogue.wrapUp !== undefined) throw new LandlineError('call_not_active', `call ${callId} is saying goodbye`);
    },
  };
}
