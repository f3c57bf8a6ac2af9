/** What an OLE file is (MS-CFB): old Office formats, Outlook messages, and the shell around Office files with a password. */
import type { PermanentError } from '../../errors.ts';
import { encrypted, unsupported } from './failures.ts';

const MAGIC = Buffer.from('d0cf11e0a1b11ae1', 'hex');

export const isOle = (bytes: Buffer): boolean => bytes.subarray(0, 8).equals(MAGIC);

/** Names of streams that tell what wrote the file. */
const KINDS: [stream: string, what: string, instead: string][] = [
  ['WordDocument', 'a Word document of the old format (.doc)', 'save it as .docx or PDF and upload that'],
  ['Workbook', 'an Excel workbook of the old format (.xls)', 'save it as .xlsx and upload that'],
  ['Book', 'an Excel workbook of the old format (.xls)', 'save it as .xlsx and upload that'],
  ['PowerPoint Document', 'a PowerPoint presentation of the old format (.ppt)', 'save it as .pptx or PDF and upload that'],
  ['__properties_version1.0', 'an Outlook message (.msg)', 'save it as .eml and upload that'],
  ['VisioDocument', 'a Visio drawing (.vsd)', 'save it as PDF and upload that'],
  ['QuillContents', 'a Publisher document (.pub)', 'save it as PDF and upload that'],
];

/**
 * Names in its directory are UTF-16, and end with a NUL. The whole file is searched for them instead of following the directory's chain of sectors: it
 * may be broken, and a wrong guess only changes the words of an error.
 */
export function oleFailure(bytes: Buffer): PermanentError {
  const has = (stream: string): boolean => bytes.includes(Buffer.from(`${stream}\0`, 'utf16le'));
  if (has('EncryptedPackage') || has('EncryptionInfo')) return encrypted();
  const [, what, instead] = KINDS.find(([stream]) => has(stream)) ?? ['', 'an OLE file of an unknown program', 'save it as PDF and upload that'];
  return unsupported(what, instead);
}
