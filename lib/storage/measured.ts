import { createHash } from 'node:crypto';

export interface Measured {
  sizeBytes: number;
  /** SHA-256, hex. */
  contentHash: string;
}

/** A stream that is counted and hashed while it passes; `seen` is known when it has ended. `check` may refuse what has come so far, and throws then. */
export function measured(
  stream: AsyncIterable<Uint8Array>,
  check: (sizeBytes: number, ended: boolean) => void = () => undefined,
): { source: AsyncGenerator<Uint8Array>; seen(): Measured } {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  async function* source() {
    for await (const chunk of stream) {
      sizeBytes += chunk.length;
      check(sizeBytes, false);
      hash.update(chunk);
      yield chunk;
    }
    check(sizeBytes, true);
  }
  return { source: source(), seen: () => ({ sizeBytes, contentHash: hash.digest('hex') }) };
}
