import { z } from 'zod';

/** A header's text, or the variable that has it. */
export type HeaderValue = string | { readonly env: string };

/** One of the config's root key `webhooks`: who is told of events, and of which. */
export interface WebhookOptions {
  /** In logs, metrics and the queue; default: the host of the URL. */
  readonly name: string;
  readonly url: string;
  /** Types, or `call.*` for all that begin so; default: all but `transcript.partial`, which is never sent. */
  readonly events: readonly string[] | 'all';
  /** The variable with the secret, `whsec_…`; two, with a comma between them, while one takes the place of another. */
  readonly secretEnv: string;
  readonly headers: Readonly<Record<string, HeaderValue>>;
  /** Loopback and private addresses, and http, are allowed; addresses of cloud metadata never are. */
  readonly allowPrivate: boolean;
}

const OURS = /^(?:webhook-.*|content-(?:type|length)|host|connection|transfer-encoding|upgrade|expect)$/i;
const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of an environment variable');
const headerName = z
  .string()
  .regex(/^[\w!#$%&'*+.^`|~-]+$/, 'is no name of a header')
  .refine((name) => !OURS.test(name), { error: 'is set by Landline itself; remove it' });
const headerText = z.string().regex(/^[\t\x20-\x7e]*$/, 'must be printable ASCII');
const url = z.string().refine(
  (text) => {
    const given = URL.parse(text);
    return given !== null && /^https?:$/.test(given.protocol) && given.username === '' && given.password === '';
  },
  { error: 'must be an http(s) URL without user and password, like https://example.com/landline' },
);

/** The shape alone; which event types there are is checked by the config. */
export const webhookOptions: z.ZodType<readonly WebhookOptions[]> = z
  .array(
    z
      .strictObject({
        name: z
          .string()
          .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be a name of letters, digits, ".", "_" and "-"')
          .optional(),
        url,
        events: z.array(z.string()).min(1).optional(),
        secretEnv: variableName,
        headers: z.record(headerName, z.union([headerText, z.strictObject({ env: variableName })])).default({}),
        allowPrivate: z.boolean().default(false),
      })
      .refine((given) => given.allowPrivate || !/^http:/i.test(given.url), {
        path: ['url'],
        error: 'must be https: events carry what people said; http only together with "allowPrivate": true',
      })
      .transform(({ name, events, ...rest }) => ({
        ...rest,
        // Of an address in brackets the brackets are no part of the name.
        name: name ?? new URL(rest.url).hostname.replace(/[^A-Za-z0-9._-]/g, '-'),
        events: events ?? ('all' as const),
      })),
  )
  .max(20)
  .default([]);
