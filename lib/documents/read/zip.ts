/**
 * The archives that docx, pptx, xlsx and odt are. Sizes are counted as the parts unpack, since what headers say may be a lie; what nobody reads is
 * never unpacked. Source of the layout: PKWARE's APPNOTE.TXT, 4.3.
 */
import { TextDecoder } from 'node:util';
import { createInflateRaw, inflateRawSync } from 'node:zlib';
import { messageOf } from '../../errors.ts';
import { bomb, corrupt } from './failures.ts';
import type { ReadLimits } from './limits.ts';
import { entriesOf, type ZipEntry } from './zip-directory.ts';

export interface Archive {
  /** Of its files, in order. */
  names: string[];
  has(name: string): boolean;
  /** Throws where there is no such part: `has` tells. */
  read(name: string): Buffer;
  text(name: string): string;
  /** For parts that may be longer than a string can be. */
  stream(name: string): AsyncIterable<string>;
}

const STORED = 0;
const DEFLATED = 8;
/** A part that unpacks to so many times its size was made for that: deflate itself ends at 1,032, sheets full of numbers at some 60. */
const MOST_RATIO = 250;
/** Small parts may be as thin as they like. */
const RATIO_FROM_BYTES = 16 * 2 ** 20;
const STREAM_BYTES = 2 ** 17;

export function openArchive(bytes: Buffer, limits: Pick<ReadLimits, 'uncompressedBytes' | 'entries'>): Archive {
  const entries = new Map(entriesOf(bytes, limits.entries).map((entry) => [entry.name, entry]));
  let left = limits.uncompressedBytes;

  function entryOf(name: string): ZipEntry {
    const entry = entries.get(name);
    if (!entry) throw corrupt(`${name} is missing`);
    if (entry.method !== STORED && entry.method !== DEFLATED) throw corrupt(`${name} is packed in an unknown way`);
    return entry;
  }

  const mostOf = ({ packed }: ZipEntry): number => Math.min(left, Math.max(RATIO_FROM_BYTES, packed.length * MOST_RATIO));

  function read(name: string): Buffer {
    const entry = entryOf(name);
    const most = mostOf(entry);
    const unpacked = entry.method === STORED ? entry.packed : inflate(entry, most);
    if (unpacked.length > most) throw tooMuch(name);
    left -= unpacked.length;
    return unpacked;
  }

  async function* stream(name: string): AsyncIterable<string> {
    const entry = entryOf(name);
    const most = mostOf(entry);
    let unpacked = 0;
    let decoder: TextDecoder | undefined;
    for await (const part of partsOf(entry)) {
      unpacked += part.length;
      if (unpacked > most) throw tooMuch(name);
      decoder ??= decoderOf(part);
      yield decoder.decode(part, { stream: true });
    }
    left -= unpacked;
  }

  return {
    names: [...entries.keys()],
    has: (name) => entries.has(name),
    read,
    text: (name) => {
      const part = read(name);
      return decoderOf(part).decode(part);
    },
    stream,
  };
}

const tooMuch = (name: string): Error => bomb(`its part ${name}`);

function decoderOf([first, second]: Uint8Array): TextDecoder {
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le');
  return new TextDecoder(first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8');
}

function inflate({ name, packed }: ZipEntry, most: number): Buffer {
  try {
    // One more than allowed: zero stands for "no bound".
    return inflateRawSync(packed, { maxOutputLength: most + 1 });
  } catch (error) {
    const isTooMuch = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    throw isTooMuch ? tooMuch(name) : damaged(name, error);
  }
}

async function* partsOf({ name, method, packed }: ZipEntry): AsyncIterable<Buffer> {
  if (method === STORED) {
    for (let at = 0; at < packed.length; at += STREAM_BYTES) yield packed.subarray(at, at + STREAM_BYTES);
    return;
  }
  const unpacking = createInflateRaw({ chunkSize: STREAM_BYTES });
  unpacking.end(packed);
  try {
    yield* unpacking;
  } catch (error) {
    throw damaged(name, error);
  } finally {
    unpacking.destroy();
  }
}

const damaged = (name: string, error: unknown): Error => corrupt(`its part ${name}: ${messageOf(error)}`, error);
