import { startChild, type Child } from './child.ts';
import type { EchoProcess } from './echo-process.ts';
import type { GatewayProcess, GatewaySetup } from './gateway-process.ts';
import type { PhonesProcess } from './phones-process.ts';

export interface GatewayUnderLoad {
  readonly gateway: Child<GatewayProcess>;
  readonly phones: Child<PhonesProcess>;
  /** Of the gateway. */
  readonly url: string;
  /** Ends the calls and both processes. */
  readonly close: () => Promise<void>;
}

/** A gateway in one process, its callers in another. */
export async function gatewayUnderLoad(
  setup: Partial<Omit<GatewaySetup, 'telnyxUrl' | 'apiKey' | 'publicKey'>>,
  execArgv: readonly string[] = [],
): Promise<GatewayUnderLoad> {
  const phones = startChild<PhonesProcess>('./phones-process.ts');
  const gateway = startChild<GatewayProcess>('./gateway-process.ts', execArgv);
  const account = await phones.ask('telnyx');
  const options = { utteranceMs: 0, interruptible: false, recording: false, timesFrames: false, ...setup };
  const url = await gateway.ask('start', { ...account, ...options });
  await phones.ask('webhooksTo', url);
  return {
    gateway,
    phones,
    url,
    close: async () => {
      await phones.ask('end');
      await gateway.ask('stop');
      await Promise.all([gateway.stop(), phones.stop()]);
    },
  };
}

/** A bare `ws` server in a process of its own. */
export async function echoServer(execArgv: readonly string[] = []): Promise<{ echo: Child<EchoProcess>; url: string }> {
  const echo = startChild<EchoProcess>('./echo-process.ts', execArgv);
  return { echo, url: await echo.ask('url') };
}

/** Waits until no call is left in the gateway; says so when some stay. */
export async function untilEmpty(gateway: Child<GatewayProcess>, timeoutMs = 15_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  for (let left = -1; left !== 0;) {
    left = await gateway.ask('calls');
    if (left > 0 && performance.now() > end)
      throw new Error(`${left} calls are still up ${timeoutMs} ms after their hangup`);
    if (left > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
