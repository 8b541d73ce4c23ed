import type { AccountAnswer, AccountNumber, TelnyxAccount } from '../../telnyx/account.ts';
import { failureOf, notChecked, ok, problem, type Finding } from './finding.ts';

/** What Telnyx says about each number of the config; undefined: the account does not own it. */
export type AskedNumbers = ReadonlyMap<string, AccountAnswer<AccountNumber | undefined>>;

/** Requests at a time: Telnyx counts them. */
const AT_A_TIME = 8;

export async function askNumbers(account: TelnyxAccount, numbers: readonly string[]): Promise<AskedNumbers> {
  const asked = new Map<string, AccountAnswer<AccountNumber | undefined>>();
  for (let next = 0; next < numbers.length; next += AT_A_TIME) {
    const some = numbers.slice(next, next + AT_A_TIME);
    const answers = await Promise.all(some.map(async (number) => [number, await account.phoneNumber(number)] as const));
    for (const [number, answer] of answers) asked.set(number, answer);
  }
  return asked;
}

/** The one application that the numbers belong to; undefined when there is none, or more than one. */
export function applicationOf(numbers: AskedNumbers): string | undefined {
  const ids = new Set([...numbers.values()].map((answer) => (answer.ok ? answer.value?.connectionId : undefined)));
  ids.delete(undefined);
  return ids.size === 1 ? [...ids][0] : undefined;
}

export function numberFindings(account: TelnyxAccount, numbers: AskedNumbers, applicationId: string): Finding[] {
  if (numbers.size === 0) {
    return [notChecked('numbers', 'the config names none; what rings at the application goes to defaultAgent')];
  }
  return [...numbers].map(([number, answer]) => {
    // Whole, not masked: it is the operator's own, and to be found in the portal.
    const check = `number ${number}`;
    if (!answer.ok) return notChecked(check, answer.message);
    const found = answer.value;
    if (!found) return problem(check, 'this account does not own it', 'Buy or port it, or take it out of "numbers"');
    const { id, status, connectionId, connectionName } = found;
    if (status !== undefined && status !== 'active') {
      const remedy = 'Wait until Telnyx has activated it, or ask Telnyx support';
      return problem(check, `its status is "${status}"`, remedy);
    }
    if (connectionId === applicationId) return ok(check, 'bound to the application');
    const bound = connectionId === undefined ? 'nothing' : `"${connectionName ?? connectionId}"`;
    const detail = `it is bound to ${bound}, so its calls never reach this gateway`;
    return problem(check, detail, 'Bind it to the Call Control application in the portal, under Numbers', {
      what: `bind number ${number} to application ${applicationId} (now ${bound})`,
      apply: async () => failureOf(await account.bindNumber(id, applicationId)),
    });
  });
}
