/** A Telnyx API answer that is not 2xx. Source: Telnyx API errors and the responses of the call commands. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly code: string;
  readonly title: string;
  /** JSON pointer of the field that is wrong, e.g. `/to`. */
  readonly pointer: string | undefined;

  constructor(status: number, code: string, title: string, detail: string, pointer?: string) {
    super(detail);
    this.status = status;
    this.code = code;
    this.title = title;
    this.pointer = pointer;
  }
}

/** The error document of Telnyx: `code` is a string, `source.pointer` names the field. */
export function errorBody(refusal: Refusal): unknown {
  return {
    errors: [
      {
        code: refusal.code,
        title: refusal.title,
        detail: refusal.message,
        ...(refusal.pointer === undefined ? {} : { source: { pointer: refusal.pointer } }),
        meta: { url: `https://developers.telnyx.com/docs/overview/errors/${refusal.code}` },
      },
    ],
  };
}

/** Every refusal the emulator makes by itself; faults can answer anything. */
export const refusals = {
  malformedBody: (detail: string): Refusal => new Refusal(400, '10015', 'Bad Request', detail),
  unauthenticated: (): Refusal =>
    new Refusal(401, '10009', 'Authentication failed', 'The required authentication headers were invalid or missing.'),
  noVoiceProfile: (): Refusal =>
    new Refusal(403, 'D38', 'Dial failed', 'The connection has no outbound voice profile assigned.'),
  notFound: (what: string): Refusal => new Refusal(404, '10005', 'Resource not found', `${what} could not be found.`),
  missing: (pointer: string): Refusal =>
    new Refusal(422, '10004', 'Missing required parameter', `The '${name(pointer)}' parameter is required.`, pointer),
  badConnection: (): Refusal =>
    new Refusal(
      422,
      '10015',
      'Invalid value for connection_id (Call Control App ID)',
      'No Call Control application with a webhook URL has this id.',
      '/connection_id',
    ),
  badValue: (pointer: string, detail: string): Refusal =>
    new Refusal(422, '10015', `Invalid value for ${name(pointer)}`, detail, pointer),
  notE164: (pointer: string): Refusal =>
    new Refusal(
      422,
      '10016',
      'Phone number must be in +E164 format',
      `The '${name(pointer)}' parameter must be a phone number in +E164 format.`,
      pointer,
    ),
  wrongType: (pointer: string, wanted: string): Refusal =>
    new Refusal(422, '10026', 'Invalid parameter type', `The '${name(pointer)}' parameter must be ${wanted}.`, pointer),
  badEnum: (pointer: string, allowed: readonly string[]): Refusal =>
    new Refusal(
      422,
      '10032',
      'Invalid enumerated value',
      `The '${name(pointer)}' parameter must be one of ${allowed.join(', ')}.`,
      pointer,
    ),
  outOfRange: (pointer: string, range: string): Refusal =>
    new Refusal(422, '10033', 'Value outside of range', `The '${name(pointer)}' parameter must be ${range}.`, pointer),
  badDigits: (pointer: string): Refusal =>
    new Refusal(422, '90014', 'Invalid value for SendDigits', 'Digits are 0-9, A-D, *, #, w and W.', pointer),
  badCallId: (pointer = '/call_control_id'): Refusal =>
    new Refusal(
      422,
      '90015',
      'Invalid Call Control ID',
      'The call_control_id provided was not found or is no longer valid.',
      pointer,
    ),
  ended: (): Refusal =>
    new Refusal(
      422,
      '90018',
      'Call has already ended',
      'This call is no longer active and can not receive commands.',
      '/call_control_id',
    ),
  cannot: (detail: string): Refusal => new Refusal(422, '90033', 'Unable to execute command', detail),
  notAnswered: (): Refusal =>
    new Refusal(
      422,
      '90034',
      'Call not answered yet',
      'This call can not receive this command because it has not been answered yet.',
      '/call_control_id',
    ),
  outboundAnswer: (): Refusal =>
    new Refusal(422, '90102', 'Invalid call direction', 'An outbound call leg cannot be answered by command.'),
};

function name(pointer: string): string {
  return pointer.slice(1).replaceAll('/', '.');
}
