import { blockedBy, callerOf } from './callers.ts';
import { isOpen, scheduleFor } from './hours.ts';
import { agentFor, type Routing } from './routing.ts';

/** A call that rings. */
export interface RouteRequest {
  readonly from: string | undefined;
  readonly to: string;
  /** Now, milliseconds since the Unix epoch. */
  readonly wallMs: number;
}

/** What the decision rests on. `A`: an agent as the caller of {@link route} keeps it. */
export interface RouteState<A> {
  readonly routing: Routing;
  readonly agents: { get(name: string): A | undefined };
  /** Live inbound calls of a caller, as {@link callerOf} writes them. */
  readonly callsOf: (caller: string) => number;
  /** As many calls talk to us as may; `over`: so many are only passed on that there is no room for that either. */
  readonly load: 'free' | 'full' | 'over';
  /** Has this agent a place for calls that we cannot serve? */
  readonly hasFallback: (agent: A) => boolean;
}

export type RejectReason = 'blocked' | 'no_agent' | 'caller_limit' | 'full';

export type Route<A> =
  /** `overflow`: taken only to be passed on. */
  { readonly name: string; readonly agent: A; readonly overflow: boolean; readonly afterHours: boolean } | Rejection;

export interface Rejection {
  readonly reject: RejectReason;
  readonly cause: 'CALL_REJECTED' | 'USER_BUSY';
  readonly why: string;
}

/** Who answers, or why nobody does: before the call is answered, and the first reason that holds. Pure. */
export function route<A>({ from, to, wallMs }: RouteRequest, state: RouteState<A>): Route<A> {
  const { routing, agents } = state;
  const caller = callerOf(from);
  const pattern = blockedBy(routing.blocked ?? [], caller);
  if (pattern !== undefined) return no('blocked', 'CALL_REJECTED', 'the caller is on the block list');
  const usual = agentFor(routing, to);
  const usualAgent = usual === undefined ? undefined : agents.get(usual);
  if (usual === undefined || usualAgent === undefined) {
    return no('no_agent', 'CALL_REJECTED', 'no agent for this number and no defaultAgent');
  }
  const schedule = scheduleFor(routing.hours ?? [], to, usual);
  const afterHours = schedule !== undefined && !isOpen(schedule, wallMs);
  const other = afterHours ? agents.get(schedule.afterHours) : undefined;
  const [name, agent] = other === undefined || !schedule ? [usual, usualAgent] : [schedule.afterHours, other];
  // Who hides their number is many people.
  if (caller !== 'anonymous' && state.callsOf(caller) >= (routing.maxCallsPerCaller ?? Infinity)) {
    return no('caller_limit', 'USER_BUSY', 'the caller has as many calls up as maxCallsPerCaller allows');
  }
  if (state.load === 'free') return { name, agent, overflow: false, afterHours };
  if (state.load === 'full' && state.hasFallback(agent)) return { name, agent, overflow: true, afterHours };
  return no('full', 'USER_BUSY', 'gateway is full');
}

function no(reject: RejectReason, cause: Rejection['cause'], why: string): Rejection {
  return { reject, cause, why };
}
