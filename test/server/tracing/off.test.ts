import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { tracesUrl } from '../../../src/config-tracing.ts';

const HOOK = `
import { registerHooks } from 'node:module';
registerHooks({ resolve(name, context, next) {
  if (/^@opentelemetry\\/(?!api$)/.test(name)) console.log(name);
  return next(name, context);
} });
`;

/** The OpenTelemetry packages that importing \`file\` loads; \`api\` is prom-client's too. */
function loaded(file: string): string[] {
  const url = new URL(`../../../src/${file}`, import.meta.url).href;
  const args = ['--import', `data:text/javascript,${encodeURIComponent(HOOK)}`, '-e', `await import('${url}')`];
  const out = execFileSync(process.execPath, ['--input-type=module', ...args], { encoding: 'utf8' });
  return out.split('\n').filter((line) => line !== '');
}

describe('without an endpoint', () => {
  it('no package of the tracer is loaded', () => {
    expect(loaded('server/tracing/otlp.ts')).toContain('@opentelemetry/sdk-trace');
    expect(loaded('cli/serve.ts')).toEqual([]);
  });
});

describe('the address of traces', () => {
  const BASE = 'OTEL_EXPORTER_OTLP_ENDPOINT';
  const OWN = 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';
  const read = (env: Record<string, string>): readonly [url: string | undefined, problems: string[]] => {
    const problems: string[] = [];
    return [tracesUrl(env, (where, what) => problems.push(`${where} ${what}`)), problems];
  };

  it.each<[Record<string, string>, string | undefined]>([
    [{}, undefined],
    [{ [BASE]: '' }, undefined],
    [{ [BASE]: 'http://c:4318' }, 'http://c:4318/v1/traces'],
    [{ [BASE]: 'https://c/otlp/' }, 'https://c/otlp/v1/traces'],
    [{ [BASE]: 'http://c:4318', [OWN]: 'http://d/here' }, 'http://d/here'],
    [{ [BASE]: 'http://c:4318', OTEL_SDK_DISABLED: 'true' }, undefined],
    [{ [BASE]: 'http://c:4318', OTEL_TRACES_EXPORTER: 'none' }, undefined],
    [{ [BASE]: 'http://c:4318', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' }, 'http://c:4318/v1/traces'],
  ])('of %j is %s', (env, url) => {
    expect(read(env)).toEqual([url, []]);
  });

  it.each<[Record<string, string>, string]>([
    [{ [BASE]: 'c:4318' }, `${BASE} must be an http(s) address, like http://localhost:4318`],
    [{ [OWN]: 'nonsense' }, `${OWN} must be an http(s) address, like http://localhost:4318`],
    [
      { [BASE]: 'http://c:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      'OTEL_EXPORTER_OTLP_PROTOCOL must be http/json: traces go over HTTP, usually to port 4318, got "grpc"',
    ],
  ])('of %j is refused', (env, problem) => {
    expect(read(env)).toEqual([undefined, [problem]]);
  });
});
