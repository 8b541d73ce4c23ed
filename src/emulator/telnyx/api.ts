import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { messageOf } from '../../core/errors.ts';
import { maskId } from '../../core/log.ts';
import type { Log } from '../../core/log.ts';
import { accountEndpoint, page } from './account.ts';
import type { Account } from './account.ts';
import { actions } from './commands.ts';
import type { ActionName } from './commands.ts';
import { errorBody, Refusal, refusals } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { ApiFault, ApiFaults } from './faults.ts';
import type { Leg } from './leg.ts';
import type { SavedRecordings } from './recordings.ts';
import type { Scheduler } from './scheduler.ts';
import { isCommandName, schemas } from './schemas.ts';
import { isBody, stringOf, validate } from './validation.ts';
import type { Body } from './validation.ts';

const MAX_BODY_BYTES = 1024 * 1024;
/** Duplicates of a command_id are ignored for so long. */
const DUPLICATE_MS = 60_000;

/** One request the API received, in the order of arrival. */
export interface ReceivedCommand {
  /** Monotonic milliseconds. */
  readonly t: number;
  readonly method: string;
  /** With the query, as sent. */
  readonly path: string;
  /** `answer`, `transfer`, …; `dial`, `retrieve`, `active_calls`, an account endpoint; `unknown` for no route. */
  readonly command: string;
  readonly call_control_id: string | undefined;
  readonly body: Body;
  readonly command_id: string | undefined;
  /** HTTP status; `pending` until it is sent, `none` when a fault kept it back. */
  status: number | 'pending' | 'none';
  /** The parsed answer. */
  answer: unknown;
  /** The command_id was known: answered 200, nothing was done. */
  duplicate: boolean;
  /** Fields of the body that had no effect: misspelled, not taken by this command, or not emulated. */
  ignored_fields: readonly string[];
  /** The fault that met it. */
  fault: ApiFault | undefined;
}

export interface ApiEnvironment {
  readonly scheduler: Scheduler;
  readonly log: Log;
  readonly apiKey: string;
  readonly account: Account;
  readonly exchange: Exchange;
  readonly faults: ApiFaults;
  readonly savedRecordings: SavedRecordings;
  readonly commands: ReceivedCommand[];
  readonly changed: () => void;
}

interface Route {
  readonly command: string;
  readonly callControlId: string | undefined;
  readonly run: (record: ReceivedCommand) => unknown;
}

/** The HTTP side: routes, key, validation, the 60 s rule for command ids, faults, and a log of everything. */
export function createApi(env: ApiEnvironment): Server {
  /** Command ids accepted within the last 60 s, with their scope. */
  const accepted = new Set<string>();
  const { exchange, account, scheduler } = env;

  function once(record: ReceivedCommand, scope: string, run: () => unknown): unknown {
    const commandId = record.command_id;
    if (commandId === undefined) return run();
    const key = `${scope} ${commandId}`;
    if (accepted.has(key)) {
      record.duplicate = true;
      return { data: { result: 'ok' } };
    }
    const answer = run();
    accepted.add(key);
    scheduler.after(DUPLICATE_MS, () => accepted.delete(key));
    return answer;
  }

  function act(record: ReceivedCommand, callControlId: string, name: ActionName): unknown {
    const leg = exchange.alive(callControlId);
    record.ignored_fields = validate(record.body, schemas[name]);
    if (!leg.isAnswered && actions[name].needs === 'answered') throw refusals.notAnswered();
    return once(record, callControlId, () => {
      const before = leg.clientState;
      // Before the command runs: the webhooks it makes carry the new state already.
      leg.clientState = stringOf(record.body['client_state']) ?? before;
      try {
        const data = actions[name].run(exchange, leg, record.body);
        return { data: { result: 'ok', ...data } };
      } catch (thrown) {
        leg.clientState = before;
        throw thrown;
      }
    });
  }

  function dial(record: ReceivedCommand): unknown {
    record.ignored_fields = validate(record.body, schemas.dial);
    return once(record, 'dial', () => ({ data: { ...callData(exchange.dial(record.body)), is_alive: false } }));
  }

  function retrieve(callControlId: string): unknown {
    const leg = exchange.find(callControlId);
    if (!leg) throw refusals.notFound('The call');
    return { data: { ...callData(leg), is_alive: leg.state !== 'ended' } };
  }

  function activeCalls(connectionId: string, query: URLSearchParams): unknown {
    if (connectionId !== account.application.id) throw refusals.notFound('The connection');
    return page(exchange.live().map(callData), query);
  }

  function route(method: string, path: readonly string[], query: URLSearchParams, body: Body): Route {
    const [resource, id = '', sub, name = ''] = path;
    const place = `${method} ${[resource, id && 'id', sub, name && 'name'].filter(Boolean).join('/')}`;
    const on = (command: string, run: Route['run'], callControlId?: string): Route => ({ command, callControlId, run });
    if (place === 'POST calls') return on('dial', dial);
    if (place === 'GET calls/id') return on('retrieve', () => retrieve(id), id);
    if (place === 'GET connections/id/active_calls') return on('active_calls', () => activeCalls(id, query));
    if (sub === 'actions' && path.length === 4 && isCommandName(name) && name !== 'dial') {
      const verb = name === 'client_state_update' ? 'PUT' : 'POST';
      if (place === `${verb} calls/id/actions/name`) return on(name, (record) => act(record, id, name), id);
    }
    const answer = accountEndpoint(account, method, path, query, () => body);
    if (answer) return on(answer.name, answer.run);
    return on('unknown', () => {
      throw refusals.notFound(`${method} /v2/${path.join('/')}`);
    });
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '/', headers } = request;
    if (env.savedRecordings.serve(method, url, response)) return;
    const at = scheduler.now();
    const { body, problem } = await readBody(request);
    const [, version, ...path] = (url.split('?')[0] ?? '').split('/').map(decoded);
    const query = new URLSearchParams(url.split('?')[1] ?? '');
    const found = route(method, version === 'v2' ? path : ['', version ?? ''], query, body);
    const record: ReceivedCommand = {
      t: at,
      method,
      path: url,
      command: found.command,
      call_control_id: found.callControlId,
      body,
      command_id: stringOf(body['command_id']),
      status: 'pending',
      answer: undefined,
      duplicate: false,
      ignored_fields: [],
      fault: undefined,
    };
    env.commands.push(record);

    const run = (): { status: number; answer: unknown } => {
      try {
        if (headers.authorization !== `Bearer ${env.apiKey}`) throw refusals.unauthenticated();
        if (problem) throw problem;
        return { status: 200, answer: found.run(record) };
      } catch (thrown) {
        if (thrown instanceof Refusal) return { status: thrown.status, answer: errorBody(thrown) };
        env.log.error({ command: found.command, error: messageOf(thrown) }, 'emulator command failed');
        const internal = new Refusal(500, '10007', 'Internal server error', messageOf(thrown));
        return { status: 500, answer: errorBody(internal) };
      }
    };
    const send = (status: number, answer: unknown, extra: Readonly<Record<string, string>> = {}): void => {
      record.status = status;
      record.answer = answer;
      env.log.debug(
        { command: found.command, call: maskId(found.callControlId), status, duplicate: record.duplicate },
        'emulator command',
      );
      const text = typeof answer === 'string' ? answer : JSON.stringify(answer);
      const type = typeof answer === 'string' ? 'text/html; charset=utf-8' : 'application/json; charset=utf-8';
      response.writeHead(status, { 'content-type': type, ...extra }).end(text);
      env.changed();
    };

    const fault = env.faults.take(found.command);
    record.fault = fault;
    switch (fault?.do) {
      case undefined: {
        const { status, answer } = run();
        send(status, answer);
        break;
      }
      case 'answer':
        send(fault.status, fault.body ?? errorBody(faultRefusal(fault)), fault.headers);
        break;
      case 'slow': {
        const { status, answer } = run();
        scheduler.after(fault.ms, () => send(status, answer));
        break;
      }
      case 'hang':
      case 'reset':
        record.status = 'none';
        if (fault.executed) record.answer = run().answer;
        if (fault.do === 'reset') request.socket.resetAndDestroy();
        env.changed();
        break;
    }
  }

  return createServer((request, response) => {
    handle(request, response).catch((thrown: unknown) => {
      env.log.debug({ error: messageOf(thrown) }, 'emulator request ended early');
      response.destroy();
    });
  });
}

/** A call as `GET /calls/{id}` and the list of active calls show it. */
function callData(leg: Leg): Record<string, unknown> {
  return {
    record_type: 'call',
    call_control_id: leg.ids.callControlId,
    call_leg_id: leg.ids.callLegId,
    call_session_id: leg.ids.callSessionId,
    client_state: leg.clientState,
    call_duration: Math.floor(leg.billedMs / 1000),
    start_time: leg.startTime,
    ...(leg.endTime === undefined ? {} : { end_time: leg.endTime }),
  };
}

const TITLES: Readonly<Record<number, readonly [code: string, title: string]>> = {
  400: ['10015', 'Bad Request'],
  401: ['10009', 'Authentication failed'],
  403: ['10010', 'Authorization failed'],
  404: ['10005', 'Resource not found'],
  422: ['90033', 'Unable to execute command'],
  429: ['10011', 'Too many requests'],
};

function faultRefusal(fault: Extract<ApiFault, { do: 'answer' }>): Refusal {
  const [code, title] = TITLES[fault.status] ?? ['10007', 'Internal server error'];
  return new Refusal(fault.status, fault.code ?? code, fault.title ?? title, 'A fault of the emulator.');
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

async function readBody(request: IncomingMessage): Promise<{ body: Body; problem?: Refusal }> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes <= MAX_BODY_BYTES) pieces.push(piece);
  }
  if (bytes > MAX_BODY_BYTES) return { body: {}, problem: refusals.malformedBody('The body is larger than 1 MiB.') };
  if (bytes === 0) return { body: {} };
  try {
    const body: unknown = JSON.parse(Buffer.concat(pieces).toString());
    if (isBody(body)) return { body };
  } catch {
    // Falls through to the same answer: not an object either way.
  }
  return { body: {}, problem: refusals.malformedBody('The request body is not a JSON object.') };
}
