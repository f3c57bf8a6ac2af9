/** Plain text that is more than that: HTML, an e-mail, a table of values. */
import { parse } from 'csv-parse/sync';

export type TextKind = 'html' | 'eml' | 'csv' | 'txt';

const LOOKED_AT = 20_000;
const HTML = /^(?:<\?xml[^>]*>\s*|<!--[\s\S]*?-->\s*)*<(?:!doctype\s+html|html|head|body|meta|title|table|div|p|h[1-6])\b/i;

/** A table cannot always be told from prose with commas: where it cannot, the ending of `name` decides. */
export function textKindOf(text: string, name: string): TextKind {
  const head = text.slice(0, LOOKED_AT).trimStart();
  if (HTML.test(head)) return 'html';
  if (isMail(head)) return 'eml';
  return isTable(text, /\.(?:csv|tsv|tab)$/i.test(name)) ? 'csv' : 'txt';
}

const HEADER = /([!-9;-~]+):[ \t]?.*(?:\r?\n[ \t]+.*)*\r?\n/y;
const OF_MAILS = new Set(['from', 'to', 'date', 'subject', 'message-id', 'received', 'return-path', 'mime-version', 'delivered-to', 'content-type']);
const MOST_LINES = 100;

/** Header lines from the first line on, three of them of mails, one of these the sender or a mail server's. */
function isMail(head: string): boolean {
  const seen = new Set<string>();
  const lines = head.replace(/^From [^\n]*\n/, '');
  HEADER.lastIndex = 0;
  for (let count = 0; count < MOST_LINES; count += 1) {
    const name = HEADER.exec(lines)?.[1]?.toLowerCase();
    if (name === undefined) break;
    if (OF_MAILS.has(name)) seen.add(name);
  }
  return seen.size >= 3 && (seen.has('from') || seen.has('received') || seen.has('message-id'));
}

const DELIMITERS = [',', ';', '\t', '|'];
const SAMPLE_RECORDS = 20;

/** Undefined where the first records do not agree in their number of cells. */
export function delimiterOf(text: string): { delimiter: string; records: number } | undefined {
  const found = DELIMITERS.map((delimiter) => ({ delimiter, ...shapeOf(text, delimiter) })).filter(({ cells }) => cells > 1);
  return found.sort((one, other) => other.cells - one.cells)[0];
}

function shapeOf(text: string, delimiter: string): { records: number; cells: number } {
  // A record that was cut off at the end of the sample is left out by `to`.
  const sample = text.slice(0, LOOKED_AT);
  try {
    const options = { delimiter, to: SAMPLE_RECORDS, bom: true, skip_empty_lines: true, relax_quotes: true, relax_column_count: true };
    const records: string[][] = parse(sample, options);
    const whole = text.length > LOOKED_AT && records.length < SAMPLE_RECORDS ? records.slice(0, -1) : records;
    const [first] = whole;
    const isEven = whole.every(({ length }) => length === first?.length);
    return { records: whole.length, cells: isEven ? (first?.length ?? 0) : 0 };
  } catch {
    return { records: 0, cells: 0 };
  }
}

/** Lines of prose may agree in their commas twice, not four times. */
const LEAST_RECORDS = 4;

function isTable(text: string, isCalledSo: boolean): boolean {
  const shape = delimiterOf(text);
  if (shape) return isCalledSo || shape.records >= LEAST_RECORDS;
  return isCalledSo;
}
