/** `hangup_cause` of `call.hangup`, in plain words. An open list at Telnyx: unknown ones are told as they are. */
const CAUSES: Readonly<Record<string, string>> = {
  call_rejected: 'the call was rejected',
  normal_clearing: 'one side hung up',
  originator_cancel: 'the caller gave up before anybody answered',
  timeout: 'it rang and nobody answered in time',
  time_limit: 'the longest allowed duration was reached',
  user_busy: 'the line was busy',
  not_found: 'the number or address does not exist',
  no_answer: 'nobody answered',
  unspecified: 'the network ended the call without a reason',
};

/** SIP answers that say more than the cause does (RFC 3261, RFC 8197, RFC 8688). */
const SIP_CODES: Readonly<Record<string, string>> = {
  '400': 'the network did not understand the call',
  '401': 'the network asked for credentials',
  '402': 'the account has no credit',
  '403': 'the network forbids this call',
  '404': 'no such number',
  '405': 'the network does not allow this call',
  '407': 'the network asked for credentials',
  '408': 'the network did not answer in time',
  '410': 'the number is no longer in service',
  '415': 'the other side cannot handle this kind of call',
  '480': 'the person called cannot be reached at the moment',
  '481': 'the network no longer knew the call',
  '482': 'the call went round in a loop',
  '483': 'the call passed too many networks',
  '484': 'the number is incomplete',
  '485': 'the number is ambiguous',
  '486': 'busy',
  '487': 'cancelled before it was answered',
  '488': 'no audio format in common',
  '491': 'two changes of the call met each other',
  '500': 'an error inside the network',
  '501': 'the network cannot do this',
  '502': 'a bad answer from the next network',
  '503': 'the network is overloaded or out of service',
  '504': 'the next network did not answer in time',
  '600': 'busy everywhere',
  '603': 'declined',
  '604': 'no such number anywhere',
  '606': 'the other side cannot accept the call',
  '607': 'the person called does not want this call',
  '608': 'a network on the way rejected the call',
};

/**
 * Why a leg ended, as a sentence a person can read, e.g. `The line was busy (SIP 486: busy).`
 *
 * @returns null when Telnyx said nothing.
 */
export function hangupText(cause: string | null | undefined, sipCode: string | null | undefined): string | null {
  const code = isSaid(sipCode) ? sipCode : undefined;
  if (!isSaid(cause) && code === undefined) return null;
  const meaning = code === undefined ? undefined : SIP_CODES[code];
  // 200 is the ordinary end; it explains nothing.
  const sip =
    code === undefined || code === '200' ? '' : ` (SIP ${code}${meaning === undefined ? '' : `: ${meaning}`})`;
  const words = CAUSES[cause ?? 'unspecified'] ?? (cause ?? '').replaceAll('_', ' ');
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}${sip}.`;
}

function isSaid(value: string | null | undefined): value is string {
  return typeof value === 'string' && value !== '' && value !== 'unspecified';
}
