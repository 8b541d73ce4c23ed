/** How a tool call ended, in few words: for logs, metrics and traces, which never see the result itself. */
export type ToolOutcome = 'ok' | 'error' | 'failed' | 'cancelled' | 'unknown';

/** Reads it from the result that the model gets: a JSON object with `status`, by the house's own tools. */
export function toolOutcome(result: string): ToolOutcome {
  // The house's own results begin with it; a foreign tool's text is not searched.
  const status = /^\s*\{\s*"status"\s*:\s*"([\w ]{1,32})"/.exec(result)?.[1];
  switch (status) {
    case 'error':
    case 'refused':
      return 'error';
    case 'failed':
    case 'timeout':
    case 'invalid':
      return 'failed';
    case 'cancelled':
    case 'ended':
      return 'cancelled';
    case 'unknown':
    case 'outcome unknown':
      return 'unknown';
    default:
      return 'ok';
  }
}
