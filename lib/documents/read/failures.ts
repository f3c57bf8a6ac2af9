/** Why a file cannot be read, in words for the person who sent it: each says what to do. */
import { PermanentError } from '../../errors.ts';
import type { ReadError } from '../contract.ts';

const failure = (code: ReadError, message: string, cause?: unknown): PermanentError => new PermanentError(message, { code, cause });

export const empty = (): PermanentError => failure('document_empty', 'The file is empty (0 bytes): the upload may have broken off, upload it again');

export const encrypted = (): PermanentError =>
  failure('document_encrypted', 'The file is protected with a password: remove the password and upload it again');

export const corrupt = (what: string, cause?: unknown): PermanentError =>
  failure('document_corrupt', `The file is damaged (${what}): open it in the program that made it, save it anew and upload it again`, cause);

export const unsupported = (what: string, instead: string): PermanentError =>
  failure('document_unsupported', `The file is ${what}, which cannot be read: ${instead}`);

export const tooLarge = (what: string): PermanentError =>
  failure('document_too_large', `The file is too large (${what}): split it into smaller files and upload these`);

export const tooManyPages = (pages: number, most: number): PermanentError =>
  failure('document_too_many_pages', `The file has ${pages} pages, ${most} can be read: split it into smaller files and upload these`);

export const bomb = (what: string): PermanentError =>
  failure('document_bomb', `The file unpacks to far more than it should (${what}): save it anew without embedded data and upload it again`);

/** `warnings`: they may say where the text is. */
export const noText = (warnings: readonly string[]): PermanentError =>
  failure(
    'document_no_text',
    ['No text was found in the file: if it holds pictures of text, upload it as a PDF or as sharper scans (300 dpi)', ...warnings].join('. '),
  );

export const timedOut = (milliseconds: number): PermanentError =>
  failure('document_timeout', `Reading the file took longer than ${Math.ceil(milliseconds / 1_000)} s: split it into smaller files and upload these`);

export const outOfMemory = (memoryMb: number, cause?: unknown): PermanentError =>
  failure('document_memory', `Reading the file takes more than ${memoryMb} MiB of memory: split it into smaller files and upload these`, cause);
