import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { readWav, toMono8k } from '../../audio/wav.ts';
import { demoConfig } from '../../config-demo.ts';
import { LandlineError, messageOf } from '../../core/errors.ts';

/** One thing the caller of the demo does. */
export interface CallerTurn {
  readonly act: CallerAct;
  readonly when: { readonly type: 'agentDone' } | { readonly type: 'agentSpeaking'; readonly afterMs: number };
  /** The intent of the script that it must lead to. */
  readonly expect: string;
  /** Left out of the demo call to keep it short. */
  readonly isSkipped: boolean;
}

export type CallerAct =
  /** A recorded human, 8 kHz; `transcript` is what is said in it. */
  | { readonly type: 'say'; readonly name: string; readonly samples: Int16Array; readonly transcript: string }
  | { readonly type: 'press'; readonly digits: string };

/** The demo call: `fixtures/demo/call.yaml`, read. */
export interface CallPlan {
  /** Path of the agent's script. */
  readonly script: string;
  readonly turns: readonly CallerTurn[];
  readonly ends: 'transfer' | 'hangup';
}

const when = {
  when: z.enum(['agentDone', 'agentSpeaking']),
  afterMs: z.number().int().min(0).default(0),
  expect: z.string(),
  skip: z.boolean().default(false),
};
const schema = z.object({
  script: z.string(),
  turns: z.array(
    z.union([
      z.strictObject({ say: z.string(), transcript: z.string(), ...when }),
      z.strictObject({ press: z.string().regex(/^[0-9A-D*#]+$/), ...when }),
    ]),
  ),
  ends: z.enum(['transfer', 'hangup']),
});

/** Folder of the demo's files, the same in a clone and in the published package. */
export const DEMO_FOLDER: string = join(demoConfig().dir, 'fixtures', 'demo');

/** @throws LandlineError `script_invalid` when a file is missing or cannot be read: the installation is damaged. */
export function loadCallPlan(folder: string = DEMO_FOLDER): CallPlan {
  const path = join(folder, 'call.yaml');
  try {
    const { script, turns, ends } = schema.parse(parse(readFileSync(path, 'utf8')));
    return {
      script: join(folder, script),
      turns: turns.map((turn): CallerTurn => {
        const act: CallerAct =
          'press' in turn
            ? { type: 'press', digits: turn.press }
            : {
                type: 'say',
                name: turn.say,
                samples: readSamples(join(folder, turn.say)),
                transcript: turn.transcript,
              };
        return {
          act,
          when: turn.when === 'agentDone' ? { type: 'agentDone' } : { type: 'agentSpeaking', afterMs: turn.afterMs },
          expect: turn.expect,
          isSkipped: turn.skip,
        };
      }),
      ends,
    };
  } catch (thrown) {
    throw new LandlineError('script_invalid', `the demo call ${path} cannot be read: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}

function readSamples(path: string): Int16Array {
  return toMono8k(readWav(readFileSync(path)));
}
