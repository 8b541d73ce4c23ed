import type { ToolCall, ToolSpec } from '../providers/ports.ts';
import { collectDigitsSpec, readCollectRequest, type CollectRequest } from './collect-digits.ts';

export const BUILT_IN_TOOLS = ['transfer_call', 'hang_up', 'send_dtmf', 'collect_digits'] as const;

export type BuiltInToolName = (typeof BUILT_IN_TOOLS)[number];

/** A tool call of the model after its arguments were checked: something we may do, or a reason to give back to it. */
export type BuiltInAction =
  | { readonly type: 'hangUp' }
  | { readonly type: 'transfer'; readonly target: string }
  | { readonly type: 'dtmf'; readonly digits: string }
  | { readonly type: 'collect'; readonly request: CollectRequest }
  | { readonly type: 'invalid'; readonly reason: string };

/** The tools as the model is told about them. It chooses a target's *name*; it never sees or names a number. */
export function builtInToolSpecs(names: readonly BuiltInToolName[], targets: readonly string[]): ToolSpec[] {
  const specs: ToolSpec[] = [];
  for (const name of names) {
    if (name === 'transfer_call' && targets.length > 0) {
      specs.push({
        name,
        description: 'Put the caller through to one of the named targets. Say one short sentence about it first.',
        parameters: objectOf({ target: { type: 'string', enum: [...targets] } }, ['target']),
      });
    }
    if (name === 'hang_up') {
      specs.push({ name, description: 'End the call. Say goodbye first.', parameters: objectOf({}, []) });
    }
    if (name === 'send_dtmf') {
      specs.push({
        name,
        description: 'Press keys on the phone line: 0-9, A-D, * and #; w waits 0.5 s, W waits 1 s.',
        parameters: objectOf({ digits: { type: 'string', pattern: DTMF_PATTERN } }, ['digits']),
      });
    }
    if (name === 'collect_digits') specs.push(collectDigitsSpec());
  }
  return specs;
}

const DTMF_PATTERN = '^[0-9A-D*#wW]{1,64}$';

function objectOf(properties: Record<string, unknown>, required: string[]): Record<string, unknown> {
  return { type: 'object', properties, required, additionalProperties: false };
}

/** Checks what the model asked for against what the operator allows. Never throws; surplus arguments are ignored. */
export function readBuiltInCall(
  call: ToolCall,
  names: readonly BuiltInToolName[],
  targets: readonly string[],
  /** Names of the operator's own tools, for the list that a model gets that made one up. */
  others: readonly string[] = [],
): BuiltInAction {
  if (!names.includes(call.name as BuiltInToolName)) {
    return {
      type: 'invalid',
      reason: `there is no tool "${call.name.slice(0, 64)}"; the tools are ${[...names, ...others].join(', ')}`,
    };
  }
  let args: unknown;
  try {
    args = call.arguments.trim() === '' ? {} : JSON.parse(call.arguments);
  } catch {
    return { type: 'invalid', reason: `the arguments of ${call.name} are not JSON` };
  }
  const field = (key: string): unknown =>
    typeof args === 'object' && args !== null && Object.hasOwn(args, key)
      ? (args as Record<string, unknown>)[key]
      : undefined;
  switch (call.name as BuiltInToolName) {
    case 'hang_up':
      return { type: 'hangUp' };
    case 'transfer_call': {
      const target = field('target');
      if (typeof target === 'string' && targets.includes(target)) return { type: 'transfer', target };
      return { type: 'invalid', reason: `target must be one of: ${targets.join(', ')}` };
    }
    case 'collect_digits': {
      const request = readCollectRequest(args);
      return typeof request === 'string' ? { type: 'invalid', reason: request } : { type: 'collect', request };
    }
    case 'send_dtmf': {
      const digits = field('digits');
      if (typeof digits === 'string' && new RegExp(DTMF_PATTERN).test(digits)) return { type: 'dtmf', digits };
      return { type: 'invalid', reason: 'digits must be 1 to 64 of 0-9, A-D, *, #, w, W' };
    }
  }
}
