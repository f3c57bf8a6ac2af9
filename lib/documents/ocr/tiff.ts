import { type Bytes, bytesOf } from './bytes.ts';

export interface TiffPage {
  width: number;
  height: number;
  /** Where its directory stands in the file. */
  offset: number;
}

const NEW_SUBFILE_TYPE = 254;
const IMAGE_WIDTH = 256;
const IMAGE_LENGTH = 257;
const SHORT = 3;
const ENTRY_BYTES = 12;

/** Intel's order of bytes and Motorola's. */
export const TIFF_STARTS = ['II*\0', 'MM\0*'];

export const isTiff = (image: Uint8Array): boolean => TIFF_STARTS.includes(bytesOf(image).latin1(0, 4));

/**
 * The pages of a TIFF in order, without the small previews that some scanners put beside a page (TIFF 6.0, sections 2 and 8). Ends where the
 * chain of directories is broken or comes back to itself; undefined when not even the first can be read.
 */
export function tiffPages(bytes: Bytes): TiffPage[] | undefined {
  const littleEndian = bytes.latin1(0, 2) === 'II';
  const pages: TiffPage[] = [];
  const seen = new Set<number>();
  let offset = bytes.u32(4, littleEndian) ?? 0;
  while (offset !== 0 && !seen.has(offset)) {
    seen.add(offset);
    const directory = readDirectory(bytes, offset, littleEndian);
    if (!directory) break;
    if (!directory.isPreview) pages.push({ ...directory.size, offset });
    offset = directory.next;
  }
  return pages.length > 0 ? pages : undefined;
}

interface Directory {
  size: { width: number; height: number };
  isPreview: boolean;
  next: number;
}

function readDirectory(bytes: Bytes, offset: number, littleEndian: boolean): Directory | undefined {
  const count = bytes.u16(offset, littleEndian);
  if (count === undefined) return undefined;
  const values = new Map<number, number>();
  for (let entry = 0; entry < count; entry += 1) {
    const at = offset + 2 + entry * ENTRY_BYTES;
    const isShort = bytes.u16(at + 2, littleEndian) === SHORT;
    const value = isShort ? bytes.u16(at + 8, littleEndian) : bytes.u32(at + 8, littleEndian);
    if (value === undefined) return undefined;
    values.set(bytes.u16(at, littleEndian) ?? 0, value);
  }
  return {
    size: { width: values.get(IMAGE_WIDTH) ?? 0, height: values.get(IMAGE_LENGTH) ?? 0 },
    isPreview: ((values.get(NEW_SUBFILE_TYPE) ?? 0) & 1) === 1,
    next: bytes.u32(offset + 2 + count * ENTRY_BYTES, littleEndian) ?? 0,
  };
}

/** The same file with this page as its first: all offsets are counted from the file's beginning, so it is enough to say where to start. */
export function beginningWith(tiff: Uint8Array, { offset }: TiffPage): Uint8Array {
  const copy = Uint8Array.from(tiff);
  new DataView(copy.buffer).setUint32(4, offset, copy[0] === 0x49);
  return copy;
}
