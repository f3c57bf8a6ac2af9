import { readFileSync } from 'node:fs';
import { fileBeside } from '../../files.ts';

/**
 * The WebAssembly beside this file: `kernels/*.ts` compiled by `npm run build:kernels`. A WebAssembly memory never shrinks, so each
 * computation opens an instance of its own, lays out what it needs, and lets it go.
 */
export interface KernelFunctions {
  setRandom(first: number, second: number, third: number, fourth: number): void;
  squaredLengths(rows: number, count: number, dimensions: number, lengths: number): void;
  normalise(rows: number, count: number, dimensions: number): void;
  quantise(rows: number, count: number, dimensions: number, target: number, stride: number): void;
  multiply(left: number, leftCount: number, right: number, rightCount: number, length: number, products: number): void;
  transpose(rows: number, count: number, dimensions: number, target: number): void;
  orthonormalise(rows: number, count: number, dimensions: number): void;
  clearShortlist(count: number, padded: number, size: number, thresholds: number, scores: number, indices: number): void;
  shortlistAmong: (rows: number, count: number, stride: number, from: number, to: number, ...lists: Lists) => void;
  shortlistFrom: (
    rows: number,
    count: number,
    columns: number,
    columnCount: number,
    stride: number,
    from: number,
    to: number,
    ...lists: Lists
  ) => void;
  sortShortlist(indices: number, count: number, size: number): void;
  rerank: (...sides: [...rows: Side, ...columns: Side, dimensions: number, indices: number, distances: number, size: number, next: number]) => void;
  selectNearest: (
    indices: number,
    distances: number,
    count: number,
    size: number,
    k: number,
    itself: boolean,
    nearest: number,
    nearestDistances: number,
  ) => void;
  memberships(indices: number, distances: number, count: number, k: number, weights: number): void;
  fillTables(a: number, b: number, attraction: number, repulsion: number): void;
  stepPairs: StepFunction;
  stepWide: StepFunction;
}

type Lists = [size: number, thresholds: number, scores: number, indices: number];
type Side = [rows: number, first: number, count: number, squaredLengths: number];

export type StepFunction = (
  epoch: number,
  alpha: number,
  edges: number,
  heads: number,
  tails: number,
  epochsPerSample: number,
  nextSample: number,
  nextNegative: number,
  negativeRate: number,
  points: number,
  count: number,
  dimensions: number,
  attraction: number,
  repulsion: number,
) => void;

interface KernelExports extends KernelFunctions {
  memory: { buffer: ArrayBuffer; grow(pages: number): number };
  heapBase: { value: number };
  tableBytes: { value: number };
}

/** `@types/node` does not describe it, and the DOM's types do not belong in a server. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: object };
  validate(bytes: Uint8Array): boolean;
};

/** Numbers in the memory of an instance: the address for the kernels, the view for TypeScript. */
export interface Block<View> {
  address: number;
  /** Made anew at each call: laying out more memory detaches earlier views. */
  view(): View;
}

type ViewOf<View> = { new (buffer: ArrayBuffer, offset: number, length: number): View; readonly BYTES_PER_ELEMENT: number };

export interface Kernels {
  functions: KernelFunctions;
  tableBytes: number;
  /** Room for `length` numbers, filled with zeros. */
  reserve<View>(type: ViewOf<View>, length: number): Block<View>;
}

const PAGE = 65_536;
/** As wide as a vector, and a cache line. */
const ALIGNMENT = 64;

export function openKernels(): Kernels {
  // The compiler of the module is AssemblyScript, which knows nothing of these types; `test/analysis/umap/kernels.test.ts` compares the names.
  const { memory, heapBase, tableBytes, ...functions } = new WebAssembly.Instance(compiled()).exports as KernelExports;
  let end = heapBase.value;

  return {
    functions,
    tableBytes: tableBytes.value,
    reserve: (type, length) => {
      const address = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
      end = address + length * type.BYTES_PER_ELEMENT;
      const missing = end - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
      return { address, view: () => new type(memory.buffer, address, length) };
    },
  };
}

let cached: object | undefined;

/** Once per thread, on first use. */
function compiled(): object {
  cached ??= new WebAssembly.Module(readFileSync(fileBeside(import.meta.url, './kernels.wasm')));
  return cached;
}

/** A module whose only function makes a vector: (func (result v128) i32.const 0 i8x16.splat i8x16.popcnt). */
const SIMD_PROBE = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11);

/** Whether this machine's Node runs WebAssembly SIMD; everything since Node 16 does, on processors that have it. */
export function hasSimd(): boolean {
  return WebAssembly.validate(SIMD_PROBE);
}
