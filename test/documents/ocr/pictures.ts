import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Resvg } from '@resvg/resvg-js';

/** Of `test/fixtures/ocr`. */
export function scan(name: string): Buffer {
  return readFileSync(new URL(`../../fixtures/ocr/${name}`, import.meta.url));
}

const FONT = fileURLToPath(import.meta.resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf'));
const WIDTH = 900;
const HEIGHT = 600;

/** A PNG of lines of print. `transform` is SVG's, about the middle of the page. */
export function print(lines: readonly string[], transform = ''): Uint8Array {
  const texts = lines.map((line, index) => `<text x="${60 - WIDTH / 2}" y="${120 + 60 * index - HEIGHT / 2}">${line}</text>`).join('');
  const page = `<g transform="translate(${WIDTH / 2} ${HEIGHT / 2}) ${transform}" font-family="DejaVu Sans" font-size="30">${texts}</g>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}"><rect width="100%" height="100%" fill="white"/>${page}</svg>`;
  return new Resvg(svg, { font: { fontFiles: [FONT], loadSystemFonts: false, defaultFontFamily: 'DejaVu Sans' } }).render().asPng();
}

const IMAGE_LENGTH = 257;
const NEW_SUBFILE_TYPE = 254;

/**
 * A TIFF with more pages: each its first one again, of which only the upper `height` rows count, marked as a `preview` of the page before it if so. The file must
 * be in Intel's order of bytes.
 */
export function withPages(tiff: Uint8Array, pages: readonly { height: number; preview?: boolean }[]): Uint8Array {
  let file = Buffer.from(tiff);
  for (const { height, preview = false } of pages) {
    const first = file.readUInt32LE(4);
    const entries = file.readUInt16LE(first);
    const directory = Buffer.from(file.subarray(first, first + 2 + 12 * entries + 4));
    for (let at = 2; at < 2 + 12 * entries; at += 12) {
      if (directory.readUInt16LE(at) === IMAGE_LENGTH) setNumber(directory, at, height);
      if (directory.readUInt16LE(at) === NEW_SUBFILE_TYPE) setNumber(directory, at, preview ? 1 : 0);
    }
    directory.writeUInt32LE(0, directory.length - 4);
    file = Buffer.concat([file, Buffer.alloc(file.length % 2)]);
    file.writeUInt32LE(file.length, lastLink(file));
    file = Buffer.concat([file, directory]);
  }
  return file;
}

function setNumber(directory: Buffer, entry: number, value: number): void {
  directory.writeUInt16LE(4, entry + 2);
  directory.writeUInt32LE(value, entry + 8);
}

/** Where the last directory says that no other follows. */
function lastLink(file: Buffer): number {
  let link = 4;
  for (let at = file.readUInt32LE(link); at !== 0; at = file.readUInt32LE(link)) link = at + 2 + 12 * file.readUInt16LE(at);
  return link;
}

/** The part of the words of `truth` that `text` has too, each as often as it stands there; case is nothing. */
export function wordRecall(text: string, truth: string): number {
  const left = new Map<string, number>();
  for (const word of words(text)) left.set(word, (left.get(word) ?? 0) + 1);
  const wanted = words(truth);
  const found = wanted.filter((word) => {
    const count = left.get(word) ?? 0;
    left.set(word, count - 1);
    return count > 0;
  });
  return found.length / wanted.length;
}

const words = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
