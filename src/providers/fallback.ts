import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { LlmEvent, LlmProvider, ProviderFailure, SttEvent, SttProvider, TtsEvent, TtsProvider } from './ports.ts';

export interface FallbackOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Is told of the breaker of every chain of more than one, as it is made. */
  readonly onBreaker?: ((breaker: BreakerView) => void) | undefined;
}

/** `closed`: in use. `open`: out until its time is over. `half_open`: it may try again, and has not succeeded yet. */
export type BreakerState = 'closed' | 'open' | 'half_open';

/** How the members of a chain stand, by name, in the order in which they are wanted. */
export interface BreakerView {
  states(): readonly { readonly vendor: string; readonly state: BreakerState }[];
}

/** Providers in the order in which they are wanted. */
export type ProviderChain<P> = readonly [P, ...P[]];

/** How long a provider stays out after a failure; doubles each time its new chance fails, up to the longest. */
const FIRST_OUTAGE_MS = 30_000;
const LONGEST_OUTAGE_MS = 5 * 60_000;

interface Member<P> {
  readonly provider: P;
  /** Failures that put it out so far. */
  outages: number;
  failedAt: number;
  outUntil: number;
  nextOutageMs: number;
}

/** One stream, generation or session of a member, and what became of it. */
interface Attempt<P> {
  readonly provider: P;
  succeeded(): void;
  /** The failure as it is passed on. */
  failed(failure: ProviderFailure): ProviderFailure;
}

interface Breaker<P> {
  readonly name: string;
  /** The provider that the next attempt would use. */
  readonly preferred: P;
  attempt(): Attempt<P>;
}

/**
 * The circuit breaker of one chain, shared by all calls of an agent.
 *
 *   in --failed--> out (30 s) --time over--> in --failed--> out (60 s) ... --succeeded--> in, the next outage lasts 30 s
 */
function createBreaker<P extends { readonly name: string }>(
  chain: ProviderChain<P>,
  { clock, log, onBreaker }: FallbackOptions,
): Breaker<P> {
  const [first, ...rest] = chain;
  const asMember = (provider: P): Member<P> => ({
    provider,
    outages: 0,
    failedAt: -Infinity,
    outUntil: -Infinity,
    nextOutageMs: FIRST_OUTAGE_MS,
  });
  const members: ProviderChain<Member<P>> = [asMember(first), ...rest.map(asMember)];
  const isOut = (member: Member<P>): boolean => clock.mono() < member.outUntil;
  const pick = (): Member<P> =>
    members.find((member) => !isOut(member)) ?? members.reduce((a, b) => (b.failedAt < a.failedAt ? b : a));

  const stateOf = (member: Member<P>): BreakerState => {
    if (member.outUntil === -Infinity) return 'closed';
    return isOut(member) ? 'open' : 'half_open';
  };
  onBreaker?.({
    states: () => members.map((member) => ({ vendor: member.provider.name, state: stateOf(member) })),
  });

  return {
    name: chain.map((provider) => provider.name).join(', else '),
    get preferred() {
      return pick().provider;
    },
    attempt() {
      const member = pick();
      const begunAfter = member.outages;
      return {
        provider: member.provider,
        succeeded() {
          // What began before an outage says nothing about its end.
          if (begunAfter !== member.outages) return;
          member.outUntil = -Infinity;
          member.nextOutageMs = FIRST_OUTAGE_MS;
        },
        failed(failure) {
          // Fifty calls that lose the same vendor in one moment are one outage, not fifty.
          if (begunAfter === member.outages || !isOut(member)) {
            const now = clock.mono();
            member.outages += 1;
            member.failedAt = now;
            member.outUntil = now + member.nextOutageMs;
            log.warn(
              { provider: member.provider.name, kind: failure.kind, outMs: member.nextOutageMs },
              'provider is out',
            );
            member.nextOutageMs = Math.min(member.nextOutageMs * 2, LONGEST_OUTAGE_MS);
          }
          const another = members.some((other) => other !== member && !isOut(other));
          const vendor = member.provider.name;
          return { ...failure, vendor, retryable: failure.retryable || another };
        },
      };
    },
  };
}

/**
 * Speech to text with stand-ins: a stream is opened at the first provider that is not out. A failure puts a provider out
 * and is passed on, as `retryable` while another one is in: who opens a new stream then lands there. When all are out, the
 * one that failed longest ago is used. Nothing else is changed; a chain of one is that provider itself.
 */
export function sttWithFallback(chain: ProviderChain<SttProvider>, options: FallbackOptions): SttProvider {
  if (chain.length === 1) return chain[0];
  const breaker = createBreaker(chain, options);
  return {
    name: breaker.name,
    open(stream, emit) {
      const attempt = breaker.attempt();
      return attempt.provider.open(stream, (event: SttEvent) => {
        if (event.type === 'sttFailed') {
          emit({ ...event, failure: attempt.failed(event.failure) });
          return;
        }
        // An opened connection proves little; recognised text does.
        if (event.type === 'sttEndOfTurn' || event.type === 'sttUtterance') attempt.succeeded();
        emit(event);
      });
    },
  };
}

/** A language model with stand-ins; the rules of {@link sttWithFallback}, per generation. */
export function llmWithFallback(chain: ProviderChain<LlmProvider>, options: FallbackOptions): LlmProvider {
  if (chain.length === 1) return chain[0];
  const breaker = createBreaker(chain, options);
  return {
    name: breaker.name,
    warm: () => breaker.preferred.warm(),
    generate(request, emit) {
      const attempt = breaker.attempt();
      return attempt.provider.generate(request, (event: LlmEvent) => {
        if (event.type === 'llmFailed') {
          emit({ ...event, failure: attempt.failed(event.failure) });
          return;
        }
        if (event.type === 'llmDone') attempt.succeeded();
        emit(event);
      });
    },
  };
}

/** Text to speech with stand-ins; the rules of {@link sttWithFallback}, per session. */
export function ttsWithFallback(chain: ProviderChain<TtsProvider>, options: FallbackOptions): TtsProvider {
  if (chain.length === 1) return chain[0];
  const breaker = createBreaker(chain, options);
  return {
    name: breaker.name,
    open(session, emit) {
      const attempt = breaker.attempt();
      return attempt.provider.open(session, (event: TtsEvent) => {
        if (event.type === 'ttsFailed') {
          emit({ ...event, failure: attempt.failed(event.failure) });
          return;
        }
        if (event.type === 'ttsDone') attempt.succeeded();
        emit(event);
      });
    },
  };
}
