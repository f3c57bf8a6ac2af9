/** Plain text and tables of values. */

import { Readable } from 'node:stream';
import { parse } from 'csv-parse';
import { corrupt } from './failures.ts';
import { paragraphsOf } from './text.ts';
import { delimiterOf } from './text-kind.ts';
import type { Writer } from './writer.ts';

export async function readText(text: string, out: Writer): Promise<void> {
  await out.total(1);
  for (const paragraph of paragraphsOf(text)) await out.text(1, paragraph);
  await out.page(1);
}

const PIECE = 2 ** 16;

function* piecesOf(text: string): Iterable<string> {
  for (let at = 0; at < text.length; at += PIECE) yield text.slice(at, at + PIECE);
}

/** Lenient: a row with a cell too many, or a quote in the wrong place, is kept as it is. */
export async function readCsv(text: string, out: Writer): Promise<void> {
  await out.total(1);
  const delimiter = delimiterOf(text)?.delimiter ?? ',';
  const options = { delimiter, bom: true, relax_quotes: true, relax_column_count: true, skip_empty_lines: true, max_record_size: 2 ** 20 };
  const rows = Readable.from(piecesOf(text)).pipe(parse(options));
  try {
    for await (const cells of rows) await out.row(1, cells);
  } catch (error) {
    throw corrupt('a quoted cell of its table never ends', error);
  }
  await out.page(1);
}
