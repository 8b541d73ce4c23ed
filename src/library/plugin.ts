import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { RunningLandline, settle, type Landline, type LandlineOptions } from './landline.ts';
import { run } from './run.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** The gateway that `landlinePlugin` put into this server. */
    landline: Landline;
  }
}

export interface LandlinePluginOptions extends LandlineOptions {
  /** Where it lives, e.g. `/voice`: webhooks at `/voice/webhooks/telnyx`. Default: the root. */
  readonly prefix?: string | undefined;
}

/**
 * A gateway inside your Fastify server: `await app.register(landlinePlugin, { config, prefix: '/voice' })`, then
 * `app.landline`. Its routes, content types and error answers stay below the prefix and touch nothing of yours. It takes
 * calls as soon as the server listens, and ends with it: `app.close()` ends live calls at once, so drain before.
 */
export const landlinePlugin: (app: FastifyInstance, options: LandlinePluginOptions) => Promise<void> = fp(
  async (app: FastifyInstance, { prefix = '', ...options }: LandlinePluginOptions) => {
    // Checked before anything is registered: a wrong config leaves nothing behind.
    const { config, env, log } = await settle(options);
    const landline = new RunningLandline();
    app.decorate<Landline>('landline', landline);
    app.addHook('onClose', () => landline.stop());
    await app.register(
      async (within) => {
        landline.began(await run(config, log, { env, within }), log);
      },
      { prefix },
    );
  },
  { name: 'landline', fastify: '5.x' },
);
