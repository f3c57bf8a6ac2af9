/** Reads numbers from a file; undefined beyond its end. */
export interface Bytes {
  readonly length: number;
  u8(at: number): number | undefined;
  u16(at: number, littleEndian?: boolean): number | undefined;
  u32(at: number, littleEndian?: boolean): number | undefined;
  latin1(start: number, end: number): string;
}

export function bytesOf(file: Uint8Array): Bytes {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const has = (at: number, count: number): boolean => at >= 0 && at + count <= file.byteLength;
  return {
    length: file.byteLength,
    u8: (at) => file[at],
    u16: (at, littleEndian = false) => (has(at, 2) ? view.getUint16(at, littleEndian) : undefined),
    u32: (at, littleEndian = false) => (has(at, 4) ? view.getUint32(at, littleEndian) : undefined),
    latin1: (start, end) => Buffer.from(file.buffer, file.byteOffset, file.byteLength).toString('latin1', start, end),
  };
}
