import { parse } from 'csv-parse/sync';

/** How a table is written. */
export interface Dialect {
  /** Null: one column, whatever it holds. */
  delimiter: Delimiter | null;
  header: boolean;
  /** Bytes at the start that are not of the table (`sep=;`, which Excel writes). */
  skipBytes: number;
  /** The first records, the header included. */
  sample: string[][];
}

export const DELIMITERS = [',', ';', '\t', '|'] as const;
export type Delimiter = (typeof DELIMITERS)[number];

/** Stands in no text: for tables of one column. */
export const NO_DELIMITER = '\u001F';

const SAMPLE_RECORDS = 200;
/** Of the records that have as many fields as most; prose stays below. */
const LEAST_AGREEMENT = 0.8;
const LONGEST_HEADING = 120;

/** Reads it from the start of the table, in UTF-8; what is given is not guessed. */
export function findDialect(head: Buffer, given: { delimiter?: Delimiter | undefined; header?: boolean | undefined }): Dialect {
  const separatorLine = /^sep=([,;\t|])\r?\n/i.exec(head.subarray(0, 8).toString('latin1'));
  const skipBytes = separatorLine?.[0].length ?? 0;
  const text = wholeLines(head.subarray(skipBytes));
  // One of the four, by the expression above.
  const announced = separatorLine?.[1] as Delimiter | undefined;
  const delimiter = given.delimiter ?? announced ?? guessDelimiter(text);
  const sample = sampleRecords(text, delimiter ?? NO_DELIMITER);
  return { delimiter, header: given.header ?? hasHeader(sample), skipBytes, sample };
}

/** Without the line that the end of the sample cuts, unless it is the only one. */
function wholeLines(head: Buffer): string {
  const text = head.toString();
  const end = text.lastIndexOf('\n');
  return end > 0 ? text.slice(0, end + 1) : text;
}

function sampleRecords(text: string, delimiter: string): string[][] {
  // A quote open at the end of the sample is an error that the reader meets again, if it is one.
  return parse(text, {
    delimiter,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_quotes: true,
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    to: SAMPLE_RECORDS,
  });
}

interface Fit {
  delimiter: Delimiter;
  fields: number;
  agreement: number;
  headed: boolean;
}

function guessDelimiter(text: string): Delimiter | null {
  const fits = DELIMITERS.map((delimiter) => fitOf(delimiter, sampleRecords(text, delimiter)));
  const likely = fits.filter(({ fields, agreement, headed }) => fields > 1 && (headed || agreement >= LEAST_AGREEMENT));
  const best = likely.sort((a, b) => b.agreement - a.agreement || b.fields - a.fields)[0];
  return best?.delimiter ?? null;
}

function fitOf(delimiter: Delimiter, records: readonly string[][]): Fit {
  const counts = new Map<number, number>();
  for (const { length } of records) counts.set(length, (counts.get(length) ?? 0) + 1);
  const [fields = 1, count = 0] = [...counts].sort((a, b) => b[1] - a[1] || b[0] - a[0])[0] ?? [];
  const [names = [], ...rows] = records;
  const spaced = isSpaced(records);
  // Ragged rows under a row of names are broken rows, not prose.
  const headed =
    names.length > 1 && names.every(isName) && (!spaced || names.some(isKnownHeading)) && rows.some(({ length }) => length === names.length);
  const agreement = spaced ? 0 : count / Math.max(1, records.length);
  return { delimiter, fields: headed ? names.length : fields, agreement, headed };
}

/** In prose a space follows the comma. */
function isSpaced(records: readonly string[][]): boolean {
  const behind = records.flatMap((fields) => fields.slice(1));
  return behind.filter((field) => field.startsWith(' ')).length > behind.length / 2;
}

/** `comment-id`, `Created at`, `q1_text`: a few words that are no sentence. */
function isName(field: string): boolean {
  const text = field.trim();
  return /^[\p{L}_][\p{L}\p{N} _\-./()#]{0,40}$/u.test(text) && text.split(/\s+/).length <= 4;
}

function hasHeader([first = [], ...rest]: readonly string[][]): boolean {
  const headings = first.map((field) => field.trim());
  if (rest.length === 0) return headings.length > 1 && headings.every(isName);
  if (headings.some((heading) => heading === '' || heading.length > LONGEST_HEADING || isFigure(heading))) return false;
  if (new Set(headings).size < headings.length) return false;
  return headings.some((heading, column) => standsOut(heading, rest.map((record) => record[column]?.trim() ?? '').filter(Boolean)));
}

/** A heading is unlike what stands below it. */
function standsOut(heading: string, values: readonly string[]): boolean {
  if (values.length === 0 || values.includes(heading)) return false;
  if (values.every(isFigure)) return true;
  if (isKnownHeading(heading)) return true;
  const share = (test: (value: string) => boolean) => values.filter(test).length / values.length;
  if (heading.endsWith('?')) return share((value) => value.endsWith('?')) < 0.2;
  return isName(heading) && !/[ ]/.test(heading) && share((value) => value.includes(' ')) > 0.7;
}

/** A number, a date or a time. */
function isFigure(text: string): boolean {
  return /^[-+]?[\d.,:/ TZ-]*\d[\d.,:/ %€$TZ-]*$/.test(text);
}

/** What people call the column of answers. */
export function isKnownHeading(heading: string): boolean {
  return /(^|[\W_])(comments?|answers?|responses?|texts?|feedback|opinions?|verbatims?|messages?|reviews?|body|content|antwort(en)?|kommentare?|réponses?|respuestas?|comentarios?)([\W_]|$)/i.test(
    heading,
  );
}
