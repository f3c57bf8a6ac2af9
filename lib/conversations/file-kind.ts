import { PermanentError } from '../errors.ts';

interface Kind {
  what: string;
  /** First bytes, in hex. */
  magic: string;
  cure: string;
}

const SAVE_AS_CSV = 'Open it and save the sheet as "CSV UTF-8", then upload that file.';

const KINDS: readonly Kind[] = [
  { what: 'an Excel workbook (.xls) or another old Office file', magic: 'd0cf11e0a1b11ae1', cure: SAVE_AS_CSV },
  { what: 'a PDF', magic: '255044462d', cure: 'Export the answers as CSV where the PDF came from.' },
  { what: 'a gzip archive', magic: '1f8b', cure: 'Unpack it first (gunzip), then upload the CSV file in it.' },
  { what: 'a zstd archive', magic: '28b52ffd', cure: 'Unpack it first (unzstd), then upload the CSV file in it.' },
  { what: 'a bzip2 archive', magic: '425a6839', cure: 'Unpack it first (bunzip2), then upload the CSV file in it.' },
  { what: 'a 7z archive', magic: '377abcaf271c', cure: 'Unpack it first, then upload the CSV file in it.' },
  { what: 'a picture', magic: '89504e470d0a1a0a', cure: 'Upload the answers as text.' },
  { what: 'a picture', magic: 'ffd8ff', cure: 'Upload the answers as text.' },
];

/** The bytes hold no table of text; says what they are and what to do. */
export function notCsv(message: string, details: Record<string, unknown> = {}): PermanentError {
  return new PermanentError(message, { code: 'not_csv', details });
}

/** Throws `PermanentError` (`not_csv`) for files of other kinds that people take for CSV, known by their first bytes. */
export function refuseOtherKinds(head: Buffer): void {
  if (head.subarray(0, 4).toString('hex') === '504b0304') throw isNo(zipKind(head));
  const start = head.subarray(0, 16).toString('hex');
  const kind = KINDS.find(({ magic }) => start.startsWith(magic));
  if (kind) throw isNo(kind);
  if (/^\s*<(!doctype|html|\?xml)/i.test(head.subarray(0, 256).toString('latin1'))) {
    throw isNo({
      what: 'an HTML or XML page',
      cure: 'Often that is a login page instead of the download: open the link in a browser and save the CSV file.',
    });
  }
}

function zipKind(head: Buffer): Pick<Kind, 'what' | 'cure'> {
  const names = head.toString('latin1');
  if (names.includes('opendocument.spreadsheet')) return { what: 'an OpenDocument sheet (.ods)', cure: SAVE_AS_CSV };
  if (names.includes('[Content_Types].xml') || names.includes('xl/')) return { what: 'an Excel workbook (.xlsx)', cure: SAVE_AS_CSV };
  return { what: 'a zip archive', cure: 'Unpack it first, then upload the CSV file in it.' };
}

function isNo({ what, cure }: Pick<Kind, 'what' | 'cure'>): PermanentError {
  return notCsv(`This is ${what}, not CSV. ${cure}`, { found: what });
}
