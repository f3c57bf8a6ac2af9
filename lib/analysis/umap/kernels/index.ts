// What TypeScript calls; built by `npm run build:kernels`. No imports, no allocation, no global state but the random numbers:
// the caller lays out the memory from `heapBase` on.

export * from './graph';
export * from './layout';
export { setRandom } from './random';
export * from './rerank';
export { multiply, normalise, orthonormalise, quantise, squaredLengths, transpose } from './rows';
export * from './shortlist';

export const heapBase: usize = __heap_base;
