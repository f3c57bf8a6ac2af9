/** What a file is, by its content: names and MIME types are what people and browsers believe. */
import type { DocumentFormat } from '../contract.ts';
import { decodeFile } from './charset.ts';
import { empty, tooLarge, unsupported } from './failures.ts';
import type { ReadLimits } from './limits.ts';
import { isOle, oleFailure } from './ole.ts';
import { unknownIn } from './text.ts';
import { textKindOf } from './text-kind.ts';
import { type Archive, openArchive } from './zip.ts';

export type Recognised =
  | { format: 'pdf' | 'rtf' | 'eml' | 'image'; bytes: Buffer }
  | { format: 'docx' | 'pptx' | 'xlsx' | 'odt'; bytes: Buffer; archive: Archive }
  | { format: 'html' | 'csv' | 'txt'; bytes: Buffer; text: string };

const IMAGES = new Set(['png', 'jpg', 'tif', 'bmp', 'webp', 'gif']);
/** Programs may write something before a PDF's head; readers look so far. */
const PDF_WITHIN = 1_024;

/** Throws for what cannot be read, saying what it is. `name` only decides between kinds of plain text. */
export async function recognise(bytes: Buffer, name: string, limits: ReadLimits): Promise<Recognised> {
  if (bytes.length === 0) throw empty();
  if (bytes.length > limits.fileBytes)
    throw tooLarge(`${Math.ceil(bytes.length / 2 ** 20)} MiB, ${Math.floor(limits.fileBytes / 2 ** 20)} can be read`);
  if (bytes.subarray(0, PDF_WITHIN).includes('%PDF-')) return { format: 'pdf', bytes };
  if (isOle(bytes)) throw oleFailure(bytes);
  if (bytes.subarray(0, 2).equals(ZIP)) return ofArchive(bytes, limits);
  if (bytes.subarray(0, 64).toString('latin1').trimStart().startsWith('{\\rtf')) return { format: 'rtf', bytes };
  return (await ofBinary(bytes)) ?? ofText(bytes, name);
}

const ZIP = Buffer.from('PK');

/** Main parts of Office files, as their list of types names them; with macros and as templates too. */
const MAIN_TYPES: [type: RegExp, format: 'docx' | 'pptx' | 'xlsx'][] = [
  [/wordprocessingml\.(?:document|template)\.main\+xml|ms-word\.(?:document|template)\.macroEnabled(?:Template)?\.main\+xml/, 'docx'],
  [/presentationml\.(?:presentation|slideshow|template)\.main\+xml|ms-powerpoint\.\w+\.macroEnabled\.main\+xml/, 'pptx'],
  [/spreadsheetml\.(?:sheet|template)\.main\+xml|ms-excel\.(?:sheet|template)\.macroEnabled\.main\+xml/, 'xlsx'],
];

const OTHER_ARCHIVES: [type: RegExp, what: string, instead: string][] = [
  [/opendocument\.spreadsheet/, 'an OpenDocument spreadsheet (.ods)', 'save it as .xlsx and upload that'],
  [/opendocument\.presentation/, 'an OpenDocument presentation (.odp)', 'save it as .pptx or PDF and upload that'],
  [/opendocument\./, 'an OpenDocument file of another kind', 'save it as PDF and upload that'],
  [/epub\+zip/, 'an e-book (.epub)', 'save it as PDF and upload that'],
  [/sheet\.binary/, 'a binary Excel workbook (.xlsb)', 'save it as .xlsx and upload that'],
];

function ofArchive(bytes: Buffer, limits: ReadLimits): Recognised {
  const archive = openArchive(bytes, limits);
  const types = ['[Content_Types].xml', 'mimetype'].filter(archive.has).map(archive.text).join('\n');
  const [, office] = MAIN_TYPES.find(([type]) => type.test(types)) ?? [];
  if (office) return { format: office, bytes, archive };
  if (/opendocument\.text(?:-template)?\s*$/.test(types)) return { format: 'odt', bytes, archive };
  const [, what, instead] = OTHER_ARCHIVES.find(([type]) => type.test(types)) ?? ['', 'an archive (.zip)', 'unpack it and upload the files in it'];
  throw unsupported(what, instead);
}

/** Undefined for text, and for what nobody knows. */
async function ofBinary(bytes: Buffer): Promise<Recognised | undefined> {
  const { fileTypeFromBuffer } = await import('file-type');
  const type = await fileTypeFromBuffer(bytes).catch(() => undefined);
  if (!type || /xml|^text\//.test(type.mime)) return undefined;
  if (IMAGES.has(type.ext)) return { format: 'image', bytes };
  const instead = type.mime.startsWith('image/') ? 'save it as PNG or JPEG and upload that' : 'save it as PDF, Office file or text and upload that';
  throw unsupported(`a file of the kind .${type.ext} (${type.mime})`, instead);
}

async function ofText(bytes: Buffer, name: string): Promise<Recognised> {
  const text = await decodeFile(bytes);
  if (isBinary(text)) throw unsupported('of no kind that is known', 'save it as PDF, Office file or text and upload that');
  const format: DocumentFormat = await textKindOf(text, name);
  return format === 'eml' ? { format, bytes } : { format, bytes, text };
}

const LOOKED_AT = 100_000;
/** Controls that no text has; a few may be damage. */
function isBinary(text: string): boolean {
  const sample = text.slice(0, LOOKED_AT);
  const unknown = unknownIn(sample);
  return unknown > 8 && unknown > sample.length * 0.02;
}

const ENDINGS: Record<string, DocumentFormat> = {
  pdf: 'pdf',
  ...{ docx: 'docx', docm: 'docx', dotx: 'docx', pptx: 'pptx', pptm: 'pptx', ppsx: 'pptx', xlsx: 'xlsx', xlsm: 'xlsx', xltx: 'xlsx' },
  ...{ rtf: 'rtf', odt: 'odt', html: 'html', htm: 'html', xhtml: 'html', txt: 'txt', csv: 'csv', tsv: 'csv', eml: 'eml' },
  ...{ png: 'image', jpg: 'image', jpeg: 'image', tif: 'image', tiff: 'image', bmp: 'image', webp: 'image', gif: 'image' },
};

/** What to tell the owner where the name promises another format than the content holds. Text may be called anything. */
export function mislabelled(name: string, format: DocumentFormat): string | undefined {
  const ending = /\.([^.]{1,10})$/.exec(name)?.[1]?.toLowerCase();
  const promised = ending === undefined ? undefined : (ENDINGS[ending] ?? OLD_ENDINGS[ending]);
  if (ending === undefined || promised === undefined || promised === format) return undefined;
  return `The name ends in .${ending}, but the file is ${NAMES[format]} and was read as that`;
}

/** A .doc that is RTF or HTML is common: both were once saved so. */
const OLD_ENDINGS: Record<string, string> = { doc: 'doc', xls: 'xls', ppt: 'ppt', msg: 'msg', ods: 'ods', odp: 'odp', zip: 'zip' };

const NAMES: Record<DocumentFormat, string> = {
  ...{ pdf: 'a PDF', docx: 'a Word document', pptx: 'a PowerPoint presentation', xlsx: 'an Excel workbook', rtf: 'a rich text document (RTF)' },
  ...{ odt: 'an OpenDocument text', html: 'an HTML page', txt: 'plain text', csv: 'a table of values (CSV)', eml: 'an e-mail', image: 'a picture' },
};
