import { z } from 'zod';
import { EVENT_TYPES, eventSchema } from './event-schemas.ts';

type Json = Readonly<Record<string, unknown>>;

const RESUME = [
  'Server-sent events. `Last-Event-ID` (header) resumes after that event, also one of an earlier process of the gateway:',
  'what came since follows in order, each event once. Without it the stream begins with the next event.',
  '`transcript.partial` is not stored and so not told again.',
].join(' ');

/** The AsyncAPI 3.0 document of everything that the gateway tells by itself. @param version of Landline. */
export function asyncApi(version: string): Json {
  const refs = (place: string): Json[] => EVENT_TYPES.map((type) => ({ $ref: `#/${place}/messages/${type}` }));
  const messages = Object.fromEntries(EVENT_TYPES.map((type) => [type, { $ref: `#/components/messages/${type}` }]));
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Landline events',
      version,
      description: 'What happens on the calls of a Landline gateway, as it happens. See docs/events.md.',
    },
    defaultContentType: 'application/json',
    channels: {
      allEvents: {
        address: '/v1/events',
        title: 'Events of all calls',
        description: RESUME,
        messages,
      },
      callEvents: {
        address: '/v1/calls/{id}/events',
        title: 'Events of one call',
        description: `${RESUME} Of a call that is over all events are told, and the stream ends.`,
        parameters: { id: { description: 'id of the call' } },
        messages,
      },
    },
    operations: {
      tellAll: { action: 'send', channel: { $ref: '#/channels/allEvents' }, messages: refs('channels/allEvents') },
      tellOne: { action: 'send', channel: { $ref: '#/channels/callEvents' }, messages: refs('channels/callEvents') },
    },
    components: { messages: Object.fromEntries(EVENT_TYPES.map((type) => [type, message(type)])) },
  };
}

function message(type: (typeof EVENT_TYPES)[number]): Json {
  const schema = eventSchema(type);
  // AsyncAPI's own schemas are JSON Schema draft 7.
  const { $schema: _, description: __, ...payload } = z.toJSONSchema(schema, { target: 'draft-7' }) as Json;
  return { name: type, title: type, summary: schema.description, contentType: 'application/json', payload };
}
