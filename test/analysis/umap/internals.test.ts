import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { openUmap } from '../../../lib/analysis/umap/internals.ts';
import { createRandom } from '../../../lib/analysis/umap/random.ts';

const replaced = ['fuzzySimplicialSet', 'makeSearchGraph', 'initializeOptimization', 'optimizeLayoutStep'] as const;
const called = ['initializeFit', 'nearestNeighbors', 'setPrecomputedKNN', 'optimizeLayout', 'getNEpochs'] as const;

it('finds the parts of umap-js that are replaced and called, in the version that they were read in', () => {
  expect(createRequire(import.meta.url)('umap-js/package.json').version).toBe('1.4.0');
  const umap = openUmap(5, { dimensions: 2, minDist: 0.1, seed: 1 }, createRandom(1));
  expect([...replaced, ...called].filter((name) => typeof umap[name] !== 'function')).toEqual([]);
  expect(Object.keys(umap.optimizationState)).toEqual(expect.arrayContaining(['alpha', 'initialAlpha', 'currentEpoch', 'head', 'tail', 'a', 'b']));
});
