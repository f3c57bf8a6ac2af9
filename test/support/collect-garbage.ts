import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** What nobody refers to is gone afterwards. */
export function collectGarbage(): void {
  collect();
  // Frees what the first one has found.
  collect();
}

/** What buffers of this process hold, garbage left out, in bytes. */
export function heldBuffers(): number {
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}
