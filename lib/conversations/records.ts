/**
 * CSV as records with line numbers. csv-parse reads; what is added here is what an import of other people's files needs: each record knows the line it
 * starts on, and a quote that is closed wrongly, or never, costs its own line alone. Where that happens reading starts anew on the next line.
 */
import { isUtf8 } from 'node:buffer';
import { NO_DELIMITER } from './dialect.ts';
import { notCsv } from './file-kind.ts';
import { createParser, MAX_RECORD_BYTES, type Parsed, strictRecord } from './parser.ts';

export interface CsvRecord {
  /** Where it starts, from 1. */
  line: number;
  fields: string[];
}

/** What could not be read. */
export interface BadRow {
  line: number;
  reason: string;
}

/** What is fed at a time. A restart reads it twice, so that slices are small after one, and grow while all is well. */
const SLICE_BYTES = { least: 512, most: 16 * 1024 };
/** With more the delimiter or the whole format is another one, and every restart costs time. */
const MAX_RESTARTS = 2_000;
const MAX_BYTES_READ_TWICE = 64 * MAX_RECORD_BYTES;

const NEWLINE = 10;
const RETURN = 13;
const QUOTE = '"';

/** `pieces`: UTF-8. Throws `PermanentError` (`not_csv`) when quotes are wrong all over the place. */
export async function* readRecords(pieces: AsyncIterable<Buffer>, delimiter: string, firstLine = 1): AsyncGenerator<(CsvRecord | BadRow)[]> {
  const reader = createReader(delimiter, firstLine);
  for await (const piece of pieces) yield await reader.write(piece);
  yield await reader.end();
}

function createReader(delimiter: string, firstLine: number) {
  const strict = strictRecord(delimiter);
  /** From the start of the first record that is not finished. */
  let pending: Buffer = Buffer.alloc(0);
  /** How much of it the parser has seen. */
  let fed = 0;
  /** What the parser has seen before it. */
  let behind = 0;
  let line = firstLine;
  let restarts = 0;
  let bytesReadTwice = 0;
  /** Inside a line that is too long, until it ends. */
  let skipping = false;
  let parser = createParser(delimiter);
  let sliceBytes = SLICE_BYTES.most;

  async function write(piece: Buffer): Promise<(CsvRecord | BadRow)[]> {
    const rest = skipping ? afterSkipped(piece) : piece;
    pending = pending.length === 0 ? rest : Buffer.concat([pending, rest]);
    const items: (CsvRecord | BadRow)[] = [];
    while (fed < pending.length) {
      const slice = pending.subarray(fed, fed + sliceBytes);
      fed += slice.length;
      sliceBytes = Math.min(SLICE_BYTES.most, sliceBytes * 2);
      take(await parser.write(slice), items);
    }
    return items;
  }

  async function end(): Promise<(CsvRecord | BadRow)[]> {
    const items: (CsvRecord | BadRow)[] = [];
    let again = true;
    while (again) {
      again = take(await parser.end(), items);
      if (again) items.push(...(await write(Buffer.alloc(0))));
    }
    return items;
  }

  function afterSkipped(piece: Buffer): Buffer {
    const newline = piece.indexOf(NEWLINE);
    skipping = newline < 0;
    if (skipping) return Buffer.alloc(0);
    line += 1;
    return piece.subarray(newline + 1);
  }

  /** True when it started anew, and what is pending has to be fed again. */
  function take({ records, failed }: { records: Parsed[]; failed: boolean }, items: (CsvRecord | BadRow)[]): boolean {
    let from = 0;
    for (const record of records) {
      const to = record.end - behind;
      const start = skipBlankLines(from, to);
      const raw = pending.subarray(start, to);
      const lines = countLines(raw);
      const problem = problemOf(record.fields, raw, lines);
      if (problem === BROKEN_QUOTE && lines > 1) return restart(start, problem, items);
      items.push(problem ? { line, reason: problem } : { line, fields: record.fields });
      line += lines;
      from = to;
    }
    forget(from);
    return failed && restart(skipBlankLines(0, pending.length), UNCLOSED_QUOTE, items);
  }

  function skipBlankLines(from: number, to: number): number {
    let at = from;
    while (at < to && (pending[at] === NEWLINE || pending[at] === RETURN)) {
      if (pending[at] === NEWLINE || pending[at + 1] !== NEWLINE) line += 1;
      at += 1;
    }
    return at;
  }

  function problemOf(fields: readonly string[], raw: Buffer, lines: number): string | undefined {
    // A list of plain lines may hold one that begins with a quoted word.
    const isPlainLine = delimiter === NO_DELIMITER && lines === 1;
    // The parser is lenient, so that a quote in the middle of plain text is text; a field it gave up on keeps its first quote.
    if (!isPlainLine && fields.some((field) => field.startsWith(QUOTE)) && !strict(raw.toString())) return BROKEN_QUOTE;
    if (fields.some((field) => field.includes('\uFFFD')) && !isUtf8(raw)) return 'holds bytes that are not valid UTF-8';
    if (fields.some((field) => field.includes('\u0000'))) return 'holds a NUL byte';
    return undefined;
  }

  /** Reports the line at `start` and goes on with the next. */
  function restart(start: number, reason: string, items: (CsvRecord | BadRow)[]): true {
    restarts += 1;
    bytesReadTwice += fed - start;
    if (restarts > MAX_RESTARTS || bytesReadTwice > MAX_BYTES_READ_TWICE) throw tooManyBroken(restarts, line);
    const newline = pending.indexOf(NEWLINE, start);
    const tooLong = newline < 0 && pending.length - start >= MAX_RECORD_BYTES;
    items.push({ line, reason: tooLong ? TOO_LONG : reason });
    skipping = tooLong;
    if (newline >= 0) line += 1;
    pending = newline < 0 ? Buffer.alloc(0) : pending.subarray(newline + 1);
    [fed, behind, parser, sliceBytes] = [0, 0, createParser(delimiter), SLICE_BYTES.least];
    return true;
  }

  function forget(bytes: number): void {
    pending = pending.subarray(bytes);
    fed -= bytes;
    behind += bytes;
  }

  return { write, end };
}

const BROKEN_QUOTE = 'a quote is not closed properly (write a quote inside quotes twice)';
const UNCLOSED_QUOTE = 'a quote is never closed';
const TOO_LONG = `is longer than ${MAX_RECORD_BYTES / 1024} KiB`;

function tooManyBroken(count: number, line: number) {
  return notCsv(
    `${count} rows have quotes that are not closed properly (the last on line ${line}): I stopped there. Save the table as CSV again, or name its delimiter.`,
    { line },
  );
}

function countLines(raw: Buffer): number {
  let count = 0;
  for (let at = raw.indexOf(NEWLINE); at >= 0; at = raw.indexOf(NEWLINE, at + 1)) count += 1;
  if (count > 0) return count;
  // Lines of old Macs end with a carriage return.
  for (let at = raw.indexOf(RETURN); at >= 0; at = raw.indexOf(RETURN, at + 1)) count += 1;
  return Math.max(1, count);
}
