import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalEmbeddings, type LocalEmbeddings } from '../lib/ai/local-embeddings.ts';
import type { Vectors } from '../lib/analysis/contract.ts';

/** Per request to the model. */
const BATCH = 64;

export interface Embedder {
  /** By the local model: unit vectors of the texts, in their order; kept in the system's folder for temporary files. */
  embed(texts: readonly string[]): Promise<Vectors>;
  close(): Promise<void>;
}

export function createEmbedder(): Embedder {
  const model = createLocalEmbeddings();
  return {
    embed: async (texts) => {
      const file = fileFor(model.model, texts);
      const values = existsSync(file) ? new Float32Array(Uint8Array.from(readFileSync(file)).buffer) : await compute(model, texts);
      if (!existsSync(file)) writeFileSync(file, new Uint8Array(values.buffer));
      return { values, count: texts.length, dimensions: values.length / texts.length };
    },
    close: () => model.close(),
  };
}

function fileFor(model: string, texts: readonly string[]): string {
  const folder = join(tmpdir(), 'hivepulse-bench');
  mkdirSync(folder, { recursive: true });
  return join(
    folder,
    `${createHash('sha256')
      .update(JSON.stringify([model, texts]))
      .digest('hex')}.f32`,
  );
}

async function compute(model: LocalEmbeddings, texts: readonly string[]): Promise<Float32Array<ArrayBuffer>> {
  const { signal } = new AbortController();
  const rows: ArrayLike<number>[] = [];
  for (let from = 0; from < texts.length; from += BATCH)
    rows.push(...(await model.embed(texts.slice(from, from + BATCH), { signal, timeoutMs: 60_000 })).vectors);
  const dimensions = rows[0]?.length ?? 0;
  const values = new Float32Array(rows.length * dimensions);
  rows.forEach((row, index) => {
    values.set(row, index * dimensions);
  });
  return values;
}
