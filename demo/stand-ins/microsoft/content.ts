/** What is in files: bytes, or a length that is made up as it is sent. */
import { createRandom } from '../google/random.ts';
import { type Digest, digestOf, EMPTY_DIGEST, extended, hashText } from './quick-xor.ts';

export interface Content {
  length: number;
  /** From the byte `from` up to and without `to`. */
  chunks(from: number, to: number): Iterable<Uint8Array>;
  /** `quickXorHash` of OneDrive and SharePoint. */
  hash(): string;
}

const BLOCK = 65_536;

export function contentOf(given: Uint8Array | string | { length: number }): Content {
  if (typeof given === 'string') return bytesContent(Buffer.from(given));
  return given instanceof Uint8Array ? bytesContent(given) : generatedContent(given.length);
}

function bytesContent(bytes: Uint8Array): Content {
  return {
    length: bytes.length,
    *chunks(from, to) {
      for (let at = from; at < to; at += BLOCK) yield bytes.subarray(at, Math.min(to, at + BLOCK));
    },
    hash: once(() => hashText(digestOf(bytes), bytes.length)),
  };
}

/** One block over and over; another block for another length. */
function generatedContent(length: number): Content {
  const block = blockOf(length);
  return {
    length,
    *chunks(from, to) {
      for (let at = from; at < to; ) {
        const start = at % BLOCK;
        const part = block.subarray(start, Math.min(BLOCK, start + to - at));
        yield part;
        at += part.length;
      }
    },
    hash: once(() => hashText(repeatedDigest(block, length), length)),
  };
}

function blockOf(seed: number): Uint8Array {
  const random = createRandom(seed);
  return Uint8Array.from({ length: BLOCK }, () => Math.floor(random() * 256));
}

/** The hash is an exclusive or of bytes turned by their place, so that of repeated blocks needs each block once. */
function repeatedDigest(block: Uint8Array, length: number): Digest {
  const whole = digestOf(block);
  let digest = EMPTY_DIGEST;
  let at = 0;
  for (; at + BLOCK <= length; at += BLOCK) digest = extended(digest, whole, at);
  return extended(digest, digestOf(block.subarray(0, length - at)), at);
}

function once(make: () => string): () => string {
  let made: string | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
