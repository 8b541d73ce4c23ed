import type { Transaction } from 'kysely';
import { unreachable } from '../core/errors.ts';
import type { Engine } from './engine.ts';
import type { DataKind } from './port.ts';
import { decodeJson, encodeJson } from './rows.ts';
import type { Tables } from './schema.ts';
import { actionWithoutSpoken, withoutSpoken, workWithoutSpoken } from './spoken.ts';

/** Takes one kind of data out of one call, or the whole call. Done twice, nothing changes; it does not come back. */
export async function eraseFromCall(engine: Engine, callId: string, kind: DataKind | 'call'): Promise<void> {
  await engine.db.transaction().execute(async (trx) => {
    if (kind === 'call') return eraseCall(engine, trx, callId);
    const call = await trx
      .updateTable('calls')
      .set({ [`${kind}_kept` as const]: 0 })
      .where('id', '=', callId)
      .returning('sort_key')
      .executeTakeFirst();
    if (!call) return;
    switch (kind) {
      case 'transcript':
        await trx.deleteFrom('turns').where('call_id', '=', callId).execute();
        await trx.updateTable('calls').set({ summary: null }).where('id', '=', callId).execute();
        await engine.putWords(trx, call.sort_key, []);
        await eraseSpoken(trx, callId);
        return;
      case 'events':
        await trx.deleteFrom('events').where('call_id', '=', callId).execute();
        return;
      case 'recording':
      case 'journal':
        // Files elsewhere: the store only remembers that they are gone.
        return;
      default:
        unreachable(kind);
    }
  });
}

async function eraseCall(engine: Engine, trx: Transaction<Tables>, callId: string): Promise<void> {
  // Stays behind as the only trace: what a journal still says about this call is not taken in again.
  const gone = { bytes: 0, complete: 1, erased: 1 };
  await trx
    .insertInto('journal_positions')
    .values({ call_id: callId, ...gone })
    .onConflict((conflict) => conflict.column('call_id').doUpdateSet(gone))
    .execute();
  await trx.deleteFrom('outbox').where('call_id', '=', callId).execute();
  // How many were dialled and what it cost still counts; whom does not.
  await trx.updateTable('dials').set({ to_number: '', call_id: null }).where('call_id', '=', callId).execute();
  // Its request is gone with it, and the hash of one could be guessed: there are not that many phone numbers. Asked again,
  // it is a request like any other, for a call with an id of its own.
  await trx.deleteFrom('idempotency_keys').where('call_id', '=', callId).execute();
  const call = await trx.selectFrom('calls').select('sort_key').where('id', '=', callId).executeTakeFirst();
  if (!call) return;
  await engine.putWords(trx, call.sort_key, []);
  // Legs, turns, events, actions, numbers and metadata go with it.
  await trx.deleteFrom('calls').where('id', '=', callId).execute();
}

/** Events and actions stay, for whoever follows them; what was said goes out of them, and out of what is still to be sent. */
async function eraseSpoken(trx: Transaction<Tables>, callId: string): Promise<void> {
  const events = await trx.selectFrom('events').select(['id', 'type', 'data']).where('call_id', '=', callId).execute();
  for (const { id, type, data } of events) {
    const rest = encodeJson(withoutSpoken(type, decodeJson(data)));
    if (rest === data) continue;
    await trx.updateTable('events').set({ data: rest }).where('id', '=', id).where('call_id', '=', callId).execute();
  }
  const actions = await trx.selectFrom('actions').select(['seq', 'detail']).where('call_id', '=', callId).execute();
  for (const { seq, detail } of actions) {
    const rest = encodeJson(actionWithoutSpoken(decodeJson(detail)));
    if (rest === detail) continue;
    await trx
      .updateTable('actions')
      .set({ detail: rest })
      .where('call_id', '=', callId)
      .where('seq', '=', seq)
      .execute();
  }
  const work = await trx.selectFrom('outbox').select(['id', 'payload']).where('call_id', '=', callId).execute();
  for (const { id, payload } of work) {
    const rest = encodeJson(workWithoutSpoken(decodeJson(payload)));
    if (rest !== payload) await trx.updateTable('outbox').set({ payload: rest }).where('id', '=', id).execute();
  }
}
