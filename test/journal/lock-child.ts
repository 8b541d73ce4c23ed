/** Takes the lock of `<dataDir>` (argument 1), says `held` or the error's code on stdout, and stays until it is killed. */
import { systemClock } from '../../src/core/clock.ts';
import { LandlineError } from '../../src/core/errors.ts';
import { lockDataDir } from '../../src/journal/lock.ts';

try {
  lockDataDir(process.argv[2] ?? '', systemClock);
  console.log('held');
} catch (thrown) {
  console.log(thrown instanceof LandlineError ? thrown.code : String(thrown));
}
setInterval(() => undefined, 1000);
