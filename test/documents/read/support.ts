/** Files for the reader, and what stands in for OCR: it says how large the picture was that it was given. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateRawSync, deflateSync } from 'node:zlib';
import type { DocumentReader, ReadDocument, ReadOptions } from '../../../lib/documents/contract.ts';
import type { Ocr } from '../../../lib/documents/ocr/contract.ts';
import { createReader, type ReaderOptions } from '../../../lib/documents/read/index.ts';

const FIXTURES = new URL('../../fixtures/documents/', import.meta.url);
export const fixture = (name: string): Promise<Buffer> => readFile(new URL(name, FIXTURES));

export interface ReadingWorld {
  reader: DocumentReader;
  read(content: Uint8Array | string, name: string, options?: Partial<ReadOptions>): Promise<ReadDocument>;
  close(): Promise<void>;
}

const never = new AbortController().signal;

export async function createReadingWorld(given: Partial<ReaderOptions> = {}): Promise<ReadingWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'hivepulse-read-'));
  const reader = createReader({ ocr: seeingOcr, threads: 1, ...given });
  return {
    reader,
    async read(content, name, options) {
      const path = join(folder, 'file');
      await writeFile(path, content);
      return reader.read({ path, name, mimeType: null, sizeBytes: content.length }, { signal: never, ...options });
    },
    async close() {
      await reader.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** Reads off every picture that it was seen, and its head. */
export const seeingOcr: Ocr = {
  recognize: async (image) => {
    const text = `Seen: ${Buffer.from(image.subarray(0, 2)).toString('latin1')}`;
    return { text, blocks: [text], confidence: 0.9 };
  },
  async *decodePages(image) {
    yield image;
    yield image;
  },
  close: async () => {},
};

export const textOf = ({ blocks }: ReadDocument): string => blocks.map(({ text }) => text).join('\n\n');

interface Part {
  name: string;
  bytes: Buffer | string;
}

/** An archive as office programs make it; `claim` is what its directory says of unpacked sizes instead of the truth. */
export function zipOf(parts: readonly Part[], claim?: number): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const { name, bytes } of parts) {
    const packed = deflateRawSync(bytes, { level: 9 });
    const head = Buffer.alloc(26);
    head.writeUInt16LE(20, 0);
    head.writeUInt16LE(8, 4);
    head.writeUInt32LE(crc32(bytes), 10);
    head.writeUInt32LE(packed.length, 14);
    head.writeUInt32LE(claim ?? bytes.length, 18);
    head.writeUInt16LE(name.length, 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    const entry = Buffer.concat([Buffer.from('PK\x03\x04'), head, Buffer.from(name), packed]);
    local.push(entry);
    central.push(Buffer.from('PK\x01\x02\x14\x00'), head, place, Buffer.from(name));
    offset += entry.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(parts.length, 4);
  end.writeUInt16LE(parts.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...local, directory, Buffer.from('PK\x05\x06'), end]);
}

const wordTypes =
  '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>';
const wordRelationships =
  '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>';

/** A Word document with this in its body. */
export const wordParts = (body: string | Buffer): Part[] => [
  { name: '[Content_Types].xml', bytes: wordTypes },
  { name: '_rels/.rels', bytes: wordRelationships },
  {
    name: 'word/document.xml',
    bytes:
      typeof body === 'string'
        ? `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>${body}</w:body></w:document>`
        : body,
  },
];

/** A black picture of that many pixels across. */
export function pngOf(width: number): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, check]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(width, 4);
  head[8] = 8;
  const rows = Buffer.alloc(width * (width + 1));
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
