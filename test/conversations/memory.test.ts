import { expect, it } from 'vitest';
import { importCsv } from '../../lib/conversations/import.ts';
import { collectGarbage } from '../support/collect-garbage.ts';

/** What is held, garbage left out, in MB. */
function heldMegabytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1e6;
}

/** Rows stored. Each look takes a second, as it walks through all that the test files before this one have loaded. */
const LOOKED_AT = [10_000, 100_000, 150_000, 200_000];

async function* table(rows: number): AsyncGenerator<Uint8Array> {
  yield Buffer.from('id,text\r\n');
  for (let row = 0; row < rows; row += 500) {
    const lines = Array.from(
      { length: 500 },
      (_, index) => `${row + index},"Answer ${row + index}, with a ""quote""\r\nand a second line, as people write them"\r\n`,
    );
    yield Buffer.from(lines.join(''));
  }
}

it('holds no more after 200,000 rows than after 10,000', { timeout: 60_000 }, async () => {
  const held: number[] = [];
  let stored = 0;
  await importCsv(table(200_000), {}, async (batch) => {
    stored += batch.length;
    if (LOOKED_AT.includes(stored)) held.push(heldMegabytes());
    return { added: batch.length, skipped: 0 };
  });
  expect(stored).toBe(200_000);
  const [first = 0, ...later] = held;
  // The answers alone are 20 MB.
  expect(Math.max(...later) - first).toBeLessThan(8);
});
