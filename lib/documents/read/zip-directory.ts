/** The entries of a zip archive, and the making of a new one. */
import { crc32 } from 'node:zlib';
import { bomb, corrupt, encrypted } from './failures.ts';

export interface ZipEntry {
  name: string;
  /** 0 stored, 8 deflated. */
  method: number;
  packed: Buffer;
}

const END = 0x06054b50;
const END_64 = 0x06064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
/** The end record, and a comment behind it of any length. */
const LONGEST_END = 22 + 0xffff;
const WIDE = 0xffffffff;
const IS_ENCRYPTED = 0x0001;

/** As the directory at the end lists them, as programs read them; folders are left out. Throws `document_corrupt`, `document_bomb`, `document_encrypted`. */
export function entriesOf(bytes: Buffer, most: number): ZipEntry[] {
  try {
    const { count, offset } = directoryOf(bytes);
    if (count > most) throw bomb(`${count} parts`);
    return listed(bytes, offset, count);
  } catch (error) {
    throw error instanceof RangeError ? corrupt('its directory points outside the file', error) : error;
  }
}

interface Directory {
  count: number;
  offset: number;
}

function directoryOf(bytes: Buffer): Directory {
  for (let at = bytes.length - 22; at >= Math.max(0, bytes.length - LONGEST_END); at -= 1) {
    if (bytes.readUInt32LE(at) !== END) continue;
    const offset = bytes.readUInt32LE(at + 16);
    return offset === WIDE || bytes.readUInt16LE(at + 10) === 0xffff ? wideDirectory(bytes, at) : { count: bytes.readUInt16LE(at + 10), offset };
  }
  throw corrupt('its end is missing: the upload may have broken off');
}

function wideDirectory(bytes: Buffer, end: number): Directory {
  const at = Number(bytes.readBigUInt64LE(end - 12));
  if (bytes.readUInt32LE(at) !== END_64) throw corrupt('its directory is missing');
  return { count: Number(bytes.readBigUInt64LE(at + 32)), offset: Number(bytes.readBigUInt64LE(at + 48)) };
}

function listed(bytes: Buffer, offset: number, count: number): ZipEntry[] {
  const entries: ZipEntry[] = [];
  for (let at = offset, seen = 0; seen < count; seen += 1) {
    if (bytes.readUInt32LE(at) !== CENTRAL) throw corrupt('its directory is broken');
    const lengths = { name: bytes.readUInt16LE(at + 28), extra: bytes.readUInt16LE(at + 30), comment: bytes.readUInt16LE(at + 32) };
    const name = bytes
      .toString('utf8', at + 46, at + 46 + lengths.name)
      .replaceAll('\\', '/')
      .replace(/^\//, '');
    if (bytes.readUInt16LE(at + 8) & IS_ENCRYPTED) throw encrypted();
    if (!name.endsWith('/')) entries.push({ name, method: bytes.readUInt16LE(at + 10), packed: packedAt(bytes, at, lengths) });
    at += 46 + lengths.name + lengths.extra + lengths.comment;
  }
  return entries;
}

function packedAt(bytes: Buffer, at: number, { name, extra }: { name: number; extra: number }): Buffer {
  const { size, offset } = placeOf(bytes, at, bytes.subarray(at + 46 + name, at + 46 + name + extra));
  if (bytes.readUInt32LE(offset) !== LOCAL) throw corrupt('its directory points to the wrong place');
  const start = offset + 30 + bytes.readUInt16LE(offset + 26) + bytes.readUInt16LE(offset + 28);
  if (start + size > bytes.length) throw corrupt('its end is missing: the upload may have broken off');
  return bytes.subarray(start, start + size);
}

/** What does not fit into four bytes stands in the extra field 1: first the unpacked size, then the packed one, then the place, each only if it is there. */
function placeOf(bytes: Buffer, at: number, extra: Buffer): { size: number; offset: number } {
  const size = bytes.readUInt32LE(at + 20);
  const offset = bytes.readUInt32LE(at + 42);
  if (size !== WIDE && offset !== WIDE) return { size, offset };
  const wide = extraField(extra, 1);
  let next = bytes.readUInt32LE(at + 24) === WIDE ? 8 : 0;
  const take = (): number => {
    next += 8;
    return Number(wide.readBigUInt64LE(next - 8));
  };
  return { size: size === WIDE ? take() : size, offset: offset === WIDE ? take() : offset };
}

function extraField(extra: Buffer, id: number): Buffer {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) === id) return extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2));
  }
  throw corrupt('its directory is broken');
}

/** A new archive of these parts, stored as they are: a parser that unpacks it finds what was checked, and nothing else. */
export function packArchive(parts: readonly { name: string; bytes: Buffer }[]): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const { name, bytes } of parts) {
    const head = headOf(Buffer.byteLength(name), bytes);
    const entry = Buffer.concat([signed(LOCAL), head, Buffer.from(name), bytes]);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    central.push(signed(CENTRAL), Buffer.from([20, 0]), head, place, Buffer.from(name));
    local.push(entry);
    offset += entry.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(parts.length, 4);
  end.writeUInt16LE(parts.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...local, directory, signed(END), end]);
}

function signed(signature: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(signature);
  return bytes;
}

/** What both records of an entry have in common: version, flags (names are UTF-8), method, time, checksum, sizes, lengths. */
function headOf(nameLength: number, bytes: Buffer): Buffer {
  const head = Buffer.alloc(26);
  head.writeUInt16LE(20, 0);
  head.writeUInt16LE(0x0800, 2);
  head.writeUInt32LE(0x00210000, 6);
  head.writeUInt32LE(crc32(bytes), 10);
  head.writeUInt32LE(bytes.length, 14);
  head.writeUInt32LE(bytes.length, 18);
  head.writeUInt16LE(nameLength, 22);
  return head;
}
