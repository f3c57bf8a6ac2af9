/** What csv-parse is asked to do, and what it would let pass. */
import { Parser } from 'csv-parse';

/** Longer ones are reported instead of kept in memory: a quote that nobody closes would collect the rest of the file. */
export const MAX_RECORD_BYTES = 1024 * 1024;
export interface Parsed {
  fields: string[];
  /** Offset behind the record, from where the parser started. */
  end: number;
}

/** csv-parse, fed by hand. After a failure it is of no more use. */
export function createParser(delimiter: string) {
  let records: Parsed[] = [];
  const parser = new Parser({
    delimiter,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_quotes: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: MAX_RECORD_BYTES,
    on_record: (fields: string[], { bytes }) => {
      records.push({ fields, end: bytes });
      // Every record counts as the first, which may have any length: the error made for each of the others, and not used here, takes longer than the record.
      Object.assign(parser.info, { records: 0 });
      return null;
    },
  });
  // Told by the callbacks as well.
  parser.on('error', () => undefined);
  parser.resume();

  const run = async (act: (done: (error?: Error | null) => void) => void): Promise<{ records: Parsed[]; failed: boolean }> => {
    const failed = await new Promise<boolean>((resolve) => act((error) => resolve(Boolean(error))));
    const taken = records;
    records = [];
    return { records: taken, failed };
  };

  return {
    write: (slice: Buffer) => run((done) => parser.write(slice, done)),
    end: () => run((done) => parser.end(done)),
  };
}

/** Whether a record follows RFC 4180, but for quotes in the middle of fields that are not quoted. */
export function strictRecord(delimiter: string): (raw: string) => boolean {
  const escaped = delimiter.replaceAll(/[\\\]^|-]/g, '\\$&');
  const field = new RegExp(`(?:"[^"]*(?:""[^"]*)*"|(?!")[^${escaped}\r\n]*)(?:[${escaped}]|\r?\n|\r|$)`, 'y');
  return (raw) => {
    field.lastIndex = 0;
    while (field.lastIndex < raw.length) if (!field.test(raw)) return false;
    return true;
  };
}
