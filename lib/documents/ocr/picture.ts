import { PermanentError } from '../../errors.ts';
import { type Bytes, bytesOf } from './bytes.ts';
import { TIFF_STARTS, tiffPages } from './tiff.ts';

/** Width and height in pixels, read without decoding the picture. */
export interface Size {
  width: number;
  height: number;
}

/** 40 million: A4 at 600 dpi is 35 million. While it is read a picture in colours of this size takes 1.2 GB. */
const MOST_PIXELS = 40_000_000;

export const corrupt = (message: string): PermanentError => new PermanentError(message, { code: 'document_corrupt' });

/** Its number of pixels. Throws for a file that is no picture, is damaged before its first pixel, or would be too large when decoded. */
export function checkPicture(image: Uint8Array): number {
  const { width, height } = sizeOf(bytesOf(image));
  if (!(width > 0 && height > 0)) throw corrupt('The picture has no size');
  if (width * height <= MOST_PIXELS) return width * height;
  const message = `The picture has ${width} x ${height} pixels, more than ${MOST_PIXELS / 1e6} million: make it smaller`;
  throw new PermanentError(message, { code: 'document_too_large', details: { width, height, most: MOST_PIXELS } });
}

function sizeOf(bytes: Bytes): Size {
  const start = bytes.latin1(0, 8);
  const kind = KINDS.find(({ starts }) => starts.some((magic) => start.startsWith(magic)));
  if (!kind) throw unknownKind();
  const size = kind.size(bytes);
  if (!size) throw corrupt('The picture is damaged or cut off');
  return size;
}

function unknownKind(): PermanentError {
  return new PermanentError('The picture is of a kind that cannot be read: PNG, JPEG, TIFF, GIF, WebP, BMP and PNM can', {
    code: 'document_unsupported',
  });
}

interface Kind {
  starts: readonly string[];
  size(bytes: Bytes): Size | undefined;
}

const KINDS: readonly Kind[] = [
  { starts: ['\x89PNG\r\n\x1a\n'], size: (bytes) => sized(bytes.u32(16), bytes.u32(20)) },
  { starts: ['\xff\xd8\xff'], size: jpegSize },
  { starts: TIFF_STARTS, size: (bytes) => tiffPages(bytes)?.[0] },
  { starts: ['GIF87a', 'GIF89a'], size: (bytes) => sized(bytes.u16(6, true), bytes.u16(8, true)) },
  { starts: ['RIFF'], size: webpSize },
  { starts: ['BM'], size: (bytes) => sized(bytes.u32(18, true), Math.abs((bytes.u32(22, true) ?? 0) | 0)) },
  { starts: ['P1', 'P2', 'P3', 'P4', 'P5', 'P6'], size: pnmSize },
];

function sized(width: number | undefined, height: number | undefined): Size | undefined {
  return width === undefined || height === undefined ? undefined : { width, height };
}

/** Segments follow each other, each with its length, until one of those that begin a frame: SOF0 to SOF15 but for tables among them. */
function jpegSize(bytes: Bytes): Size | undefined {
  let at = 2;
  while (bytes.u8(at) === 0xff) {
    const marker = bytes.u8(at + 1) ?? 0;
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) return sized(bytes.u16(at + 7), bytes.u16(at + 5));
    // Any number of 0xff may stand before a marker.
    at += marker === 0xff ? 1 : 2 + Math.max(2, bytes.u16(at + 2) ?? 0);
  }
  return undefined;
}

/** A size stands in 14 bits (lossy), in 14 bits without a border (lossless), or in 24 (extended). */
function webpSize(bytes: Bytes): Size | undefined {
  const kind = bytes.latin1(12, 16);
  if (kind === 'VP8 ') return sized(lowBits(bytes.u16(26, true), 14), lowBits(bytes.u16(28, true), 14));
  if (kind === 'VP8X') return sized(one(lowBits(bytes.u32(24, true), 24)), one(lowBits(bytes.u32(27, true), 24)));
  if (kind !== 'VP8L') return undefined;
  const packed = bytes.u32(21, true);
  return packed === undefined ? undefined : sized(one(lowBits(packed, 14)), one(lowBits(packed >>> 14, 14)));
}

const lowBits = (value: number | undefined, count: number): number | undefined => (value === undefined ? undefined : value & (2 ** count - 1));
const one = (value: number | undefined): number | undefined => (value === undefined ? undefined : value + 1);

function pnmSize(bytes: Bytes): Size | undefined {
  const [, width, height] = /^P\d\s+(?:#[^\n]*\n\s*)*(\d+)\s+(?:#[^\n]*\n\s*)*(\d+)\s/.exec(bytes.latin1(0, 1_000)) ?? [];
  return width && height ? { width: Number(width), height: Number(height) } : undefined;
}

/** How a photograph lies, as its EXIF says (1 to 8); TIFFs are turned by who reads them. */
export function orientationOf(image: Uint8Array): number {
  const start = Buffer.from(image.buffer, image.byteOffset, Math.min(image.byteLength, 4_096));
  if (start[0] !== 0xff || start[1] !== 0xd8) return 1;
  for (const [tag, offset] of ORIENTATION_TAGS) {
    const at = start.indexOf(tag);
    const value = at < 0 ? 0 : (start[at + offset] ?? 0);
    if (value >= 1 && value <= 8) return value;
  }
  return 1;
}

/** Tag 0x112, type 3 (short), one of them; the value after it, in either order of bytes. */
const ORIENTATION_TAGS: readonly [Buffer, number][] = [
  [Buffer.from([0x01, 0x12, 0, 3, 0, 0, 0, 1]), 9],
  [Buffer.from([0x12, 0x01, 3, 0, 1, 0, 0, 0]), 8],
];
