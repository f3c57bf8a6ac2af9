/** What is in a file: bytes, or a length of them that are made up as they are sent, so that no big file is ever held. */
import { createHash } from 'node:crypto';
import { createRandom } from '../random.ts';

/** `length` in bytes; two of the same length differ by their `seed`. */
export type NewContent = Uint8Array | string | { length: number; seed?: number };

export interface Content {
  readonly length: number;
  /** Hex. */
  readonly md5: string;
  chunks(): Iterable<Uint8Array>;
}

export function createContent(content: NewContent): Content {
  const chunks = chunksOf(content);
  const length = typeof content === 'string' ? Buffer.byteLength(content) : content.length;
  let md5: string | undefined;
  return {
    length,
    // When it is first asked for: that of a gigabyte takes seconds.
    get md5() {
      md5 ??= hashOf(chunks());
      return md5;
    },
    chunks,
  };
}

function chunksOf(content: NewContent): () => Iterable<Uint8Array> {
  if (typeof content === 'string') return () => [Buffer.from(content)];
  if (content instanceof Uint8Array) return () => [content];
  return () => generate(content.length, content.seed ?? 1);
}

const CHUNK = 65_536;

/** One chunk of noise, numbered anew each time. */
function* generate(length: number, seed: number): Generator<Uint8Array> {
  const random = createRandom(seed);
  const noise = Buffer.from(Array.from({ length: Math.min(length, CHUNK) }, () => Math.floor(random() * 256)));
  for (let sent = 0; sent < length; sent += CHUNK) {
    const chunk = Buffer.from(noise.subarray(0, Math.min(CHUNK, length - sent)));
    if (chunk.length >= 8) chunk.writeBigUInt64LE(BigInt(sent), 0);
    yield chunk;
  }
}

function hashOf(chunks: Iterable<Uint8Array>): string {
  const hash = createHash('md5');
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}
