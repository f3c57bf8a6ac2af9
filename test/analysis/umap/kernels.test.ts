import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { hasSimd, openKernels } from '../../../lib/analysis/umap/kernels.ts';
import { compileKernels } from '../../../scripts/build-kernels.ts';

it('is the binary that its sources compile to', async () => {
  const kept = await readFile(new URL('../../../lib/analysis/umap/kernels.wasm', import.meta.url));
  expect(Buffer.from(await compileKernels()).equals(kept), 'run npm run build:kernels').toBe(true);
});

it('exports what its types promise, and no more', () => {
  expect(Object.keys(openKernels().functions).sort()).toEqual([
    'clearShortlist',
    'fillTables',
    'memberships',
    'multiply',
    'normalise',
    'orthonormalise',
    'quantise',
    'rerank',
    'selectNearest',
    'setRandom',
    'shortlistAmong',
    'shortlistFrom',
    'sortShortlist',
    'squaredLengths',
    'stepPairs',
    'stepWide',
    'transpose',
  ]);
});

it('gives every computation a memory of its own, filled with zeros', () => {
  const first = openKernels();
  const block = first.reserve(Float32Array, 4);
  block.view().fill(1);
  first.reserve(Float32Array, 1_000_000);
  expect(Array.from(block.view()), 'kept when the memory grows').toEqual([1, 1, 1, 1]);
  expect(Array.from(openKernels().reserve(Float32Array, 4).view())).toEqual([0, 0, 0, 0]);
});

it('finds SIMD where the tests run', () => {
  expect(hasSimd()).toBe(true);
});
