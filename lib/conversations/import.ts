/**
 * Answers out of a CSV file. Bytes come in, batches of answers go out to be stored, and nothing more is read until a batch is: memory does not grow with
 * the file. Whatever is wrong with one row is reported with its line, and the rest goes in.
 */
import type { NewAnswer } from '../db/conversation-types.ts';
import { HivepulseError } from '../errors.ts';
import { inPieces, peek } from './bytes.ts';
import { type Columns, findColumns } from './columns.ts';
import { type Delimiter, findDialect, NO_DELIMITER } from './dialect.ts';
import { toUtf8 } from './encoding.ts';
import { notCsv, refuseOtherKinds } from './file-kind.ts';
import { MAX_ANSWER_CHARACTERS, MAX_EXTERNAL_ID_CHARACTERS } from './limits.ts';
import { type BadRow, type CsvRecord, readRecords } from './records.ts';

export interface ImportOptions {
  /** The column of the answers: its heading, or its number from 1. Guessed where it is not named. */
  column?: string | undefined;
  /** The column of the caller's own ids: an answer whose id is there already is not stored again. */
  idColumn?: string | undefined;
  delimiter?: Delimiter | undefined;
  /** Whether the first row names the columns. */
  header?: boolean | undefined;
  /** A label of the Encoding Standard; a byte-order mark in the file says more. Found where it is not named. */
  encoding?: string | undefined;
}

export interface ImportReport {
  /** Rows of the table, the header and blank lines left out: `added + skipped + badRows.count`. */
  rows: number;
  added: number;
  /** Their id was there already. */
  skipped: number;
  /** Stored without a word in them; analyses leave them out. */
  empty: number;
  badRows: { count: number; first: BadRow[] };
  column: string;
  idColumn: string | null;
  /** Null: one column. */
  delimiter: Delimiter | null;
  encoding: string;
  header: boolean;
}

/** Stores a batch of answers in their order. */
export type StoreAnswers = (answers: readonly NewAnswer[]) => Promise<{ added: number; skipped: number }>;

const PIECE_BYTES = 64 * 1024;
const BATCH_ANSWERS = 1_000;
const BATCH_CHARACTERS = 1_000_000;
const BAD_ROWS_SHOWN = 20;

/**
 * Throws `InvalidInputError` for options that do not fit the file and `PermanentError` (`not_csv`) for files that hold no table; whatever `store` throws
 * comes through. `details.stored` of the error says what had been stored before.
 */
export async function importCsv(source: AsyncIterable<Uint8Array>, options: ImportOptions, store: StoreAnswers): Promise<ImportReport> {
  const found = { name: 'utf-8' };
  const bytes = await peek(inPieces(source, PIECE_BYTES));
  if (bytes.head.length === 0) throw notCsv('The file is empty.');
  refuseOtherKinds(bytes.head);
  const text = await peek(inPieces(toUtf8(bytes.all, options.encoding, found), PIECE_BYTES));
  const dialect = findDialect(text.head, options);
  const columns = findColumns(dialect, options);
  const batches = createBatches(columns, store);

  try {
    let headerToCome = dialect.header;
    const table = skip(text.all, dialect.skipBytes);
    for await (const items of readRecords(table, dialect.delimiter ?? NO_DELIMITER, dialect.skipBytes > 0 ? 2 : 1)) {
      for (const item of items) {
        if (headerToCome) headerToCome = false;
        else await batches.take(item);
      }
    }
    await batches.flush();
  } catch (error) {
    throw withStored(error, batches.report);
  }

  const { delimiter, header } = dialect;
  const idColumn = columns.id === undefined ? null : nameOf(columns, columns.id);
  return { ...batches.report, column: nameOf(columns, columns.text), idColumn, delimiter, encoding: found.name, header };
}

async function* skip(pieces: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let left = bytes;
  for await (const piece of pieces) {
    yield piece.subarray(left);
    left = Math.max(0, left - piece.length);
  }
}

function nameOf({ names }: Columns, index: number): string {
  return names[index] ?? `${index + 1}`;
}

type Counts = Pick<ImportReport, 'rows' | 'added' | 'skipped' | 'empty' | 'badRows'>;

function createBatches(columns: Columns, store: StoreAnswers) {
  const report: Counts = { rows: 0, added: 0, skipped: 0, empty: 0, badRows: { count: 0, first: [] } };
  let batch: NewAnswer[] = [];
  let characters = 0;

  function reject(bad: BadRow): void {
    report.badRows.count += 1;
    if (report.badRows.first.length < BAD_ROWS_SHOWN) report.badRows.first.push(bad);
  }

  async function take(item: CsvRecord | BadRow): Promise<void> {
    report.rows += 1;
    const problem = 'reason' in item ? item.reason : problemOf(item.fields, columns);
    if ('reason' in item || problem !== undefined) return reject({ line: item.line, reason: problem ?? '' });
    const answer = toAnswer(item.fields, columns);
    if (answer.text.trim() === '') report.empty += 1;
    batch.push(answer);
    characters += answer.text.length;
    if (batch.length >= BATCH_ANSWERS || characters >= BATCH_CHARACTERS) await flush();
  }

  async function flush(): Promise<void> {
    if (batch.length === 0) return;
    const { added, skipped } = await store(batch);
    report.added += added;
    report.skipped += skipped;
    batch = [];
    characters = 0;
  }

  return { take, flush, report };
}

function problemOf(fields: readonly string[], columns: Columns): string | undefined {
  // Spreadsheets leave empty cells behind at the end of rows.
  const length = fields.findLastIndex((field, index) => field !== '' || index < columns.count) + 1;
  if (length !== columns.count) return `has ${fields.length} ${fields.length === 1 ? 'field' : 'fields'} instead of ${columns.count}`;
  const text = fields[columns.text] ?? '';
  if (text.length > MAX_ANSWER_CHARACTERS) return `its answer has ${text.length} characters; at most ${MAX_ANSWER_CHARACTERS} are taken`;
  if (columns.id === undefined) return undefined;
  const id = fields[columns.id]?.trim() ?? '';
  if (id === '') return `has no id in the column ${nameOf(columns, columns.id)}`;
  return id.length > MAX_EXTERNAL_ID_CHARACTERS ? `its id is longer than ${MAX_EXTERNAL_ID_CHARACTERS} characters` : undefined;
}

function toAnswer(fields: readonly string[], columns: Columns): NewAnswer {
  const text = fields[columns.text] ?? '';
  return columns.id === undefined ? { text } : { text, externalId: fields[columns.id]?.trim() ?? '' };
}

/** What was stored stays: whoever asked is told how much. */
function withStored(error: unknown, { rows, added, skipped }: Counts): unknown {
  if (error instanceof HivepulseError) Object.assign(error, { details: { ...error.details, stored: { rows, added, skipped } } });
  return error;
}
