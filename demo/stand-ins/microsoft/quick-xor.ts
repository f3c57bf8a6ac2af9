/** QuickXorHash, as Microsoft's article "QuickXorHash algorithm" (OneDrive developer documentation) gives it: 160 bits, each byte turned 11 bits further. */
export type Digest = bigint;

export const EMPTY_DIGEST: Digest = 0n;

const WIDTH = 160;
const SHIFT = 11;
const MASK = (1n << BigInt(WIDTH)) - 1n;

export function digestOf(bytes: Uint8Array): Digest {
  const bits = new Uint8Array(WIDTH / 8);
  let position = 0;
  for (const byte of bytes) {
    const index = position >> 3;
    const turned = byte << (position & 7);
    bits[index] = (bits[index] ?? 0) ^ (turned & 0xff);
    const next = (index + 1) % bits.length;
    bits[next] = (bits[next] ?? 0) ^ (turned >> 8);
    position = (position + SHIFT) % WIDTH;
  }
  return BigInt(`0x${Buffer.from(bits).reverse().toString('hex')}`);
}

/** The digest of what `digest` stands for (`length` bytes), followed by what `more` stands for. */
export function extended(digest: Digest, more: Digest, length: number): Digest {
  const turn = BigInt((length * SHIFT) % WIDTH);
  return digest ^ (((more << turn) | (more >> (BigInt(WIDTH) - turn))) & MASK);
}

/** The length goes over the last eight bytes. Base64. */
export function hashText(digest: Digest, length: number): string {
  const bytes = Buffer.from(digest.toString(16).padStart(WIDTH / 4, '0'), 'hex').reverse();
  const lengthBytes = Buffer.alloc(8);
  lengthBytes.writeBigUInt64LE(BigInt(length));
  lengthBytes.forEach((byte, index) => {
    bytes[12 + index] = (bytes[12 + index] ?? 0) ^ byte;
  });
  return bytes.toString('base64');
}
