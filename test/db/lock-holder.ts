/** A process that holds a data folder until it is killed: `node lock-holder.ts <dir>`. */
import { lockDataDir } from '../../lib/db/lock.ts';

try {
  lockDataDir(process.argv[2] ?? '', 'the first');
  console.log('locked');
  setInterval(() => {}, 60_000);
} catch (error) {
  console.log(`refused: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
