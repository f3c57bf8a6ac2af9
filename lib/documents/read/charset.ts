/** Bytes of a text file to text: a mark of byte order decides, then whether it is UTF-8, then what its bytes look like. */
const FALLBACK = 'windows-1252';
/** Looked at to guess a charset. */
const SAMPLE_BYTES = 200_000;

export async function decodeFile(bytes: Buffer): Promise<string> {
  const marked = markOf(bytes);
  if (marked) return new TextDecoder(marked).decode(bytes);
  return tried(bytes, 'utf-8') ?? guessed(bytes);
}

function markOf(bytes: Buffer): string | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8';
  return withoutMark(bytes);
}

/** UTF-16 without a mark: western text has a NUL in every second byte. */
function withoutMark(bytes: Buffer): string | undefined {
  const sample = bytes.subarray(0, 1_000);
  const nulls = [0, 0];
  for (const [at, byte] of sample.entries()) if (byte === 0) nulls[at % 2] = (nulls[at % 2] ?? 0) + 1;
  const [even = 0, odd = 0] = nulls;
  if (odd > sample.length * 0.3 && even === 0) return 'utf-16le';
  return even > sample.length * 0.3 && odd === 0 ? 'utf-16be' : undefined;
}

function tried(bytes: Buffer, label: string): string | undefined {
  try {
    return new TextDecoder(label, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

async function guessed(bytes: Buffer): Promise<string> {
  const { detect } = await import('chardet');
  const label = detect(bytes.subarray(0, SAMPLE_BYTES)) ?? FALLBACK;
  // UTF-8 was tried: what is left of it is damage, which another charset would only spread.
  return tried(bytes, label === 'UTF-8' || label === 'ASCII' ? FALLBACK : label) ?? new TextDecoder(FALLBACK).decode(bytes);
}
