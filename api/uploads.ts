/** Files that are read while they arrive: never whole in memory, and not before the caller is known. */
import type { Readable } from 'node:stream';
import fastifyMultipart, { type MultipartFile, type MultipartValue } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { SECOND } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import type { App } from './deps.ts';
import { HttpError } from './errors.ts';

/** What one route takes, and what it says of the rest. */
export interface UploadRules {
  limitBytes: number;
  /** Which fields a form may have before its file. */
  fields: string;
  /** What to do about a file that is too long. */
  tooLong: string;
  /** What became of a file that broke off. */
  cut: string;
}

export interface Upload {
  /** To be read once. Throws 413 for what is longer than the limit, 400 where the connection breaks off. */
  source: AsyncIterable<Uint8Array>;
  /** What stands beside the file in a form; it must stand before the file. */
  fields: Record<string, unknown>;
  /** Of the `Content-Type`, if it says. */
  charset: string | undefined;
  /** As the sender says them. */
  fileName: string | undefined;
  mimeType: string | undefined;
  /** Where it is said beforehand. */
  sizeBytes: number | undefined;
  /** After the source has been read. Throws 400 for what stands behind the file in a form, and so was not heeded. */
  finish(): Promise<void>;
}

const TEXT_TYPES = ['text/csv', 'text/tab-separated-values', 'text/plain', 'application/csv', 'application/vnd.ms-excel'];
/** What is left of a refused upload is read for so long, so that its sender gets to read the answer. */
const DRAIN_MS = 5 * SECOND;

/** Lets the routes of this scope take tables, as a body or in a form, beside JSON. */
export async function acceptUploads(scope: App, limitBytes: number): Promise<void> {
  await acceptForms(scope, limitBytes);
  // The stream itself is the body: the route reads it.
  scope.addContentTypeParser(TEXT_TYPES, (_request, payload, done) => done(null, payload));
  scope.addContentTypeParser('*', (_request, _payload, done) => {
    done(
      new HttpError(
        415,
        'unsupported_media_type',
        'Send JSON (application/json), a CSV file as the body (text/csv), or a form with one file (multipart/form-data).',
      ),
    );
  });
}

/** Lets the routes of this scope take files of every type, as a body or in a form, beside JSON. */
export async function acceptFiles(scope: App, limitBytes: number): Promise<void> {
  await acceptForms(scope, limitBytes);
  scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
}

/** Lets the routes of this scope take mails as they came over the wire, beside JSON. */
export function acceptMails(scope: App): void {
  scope.addContentTypeParser('message/rfc822', (_request, payload, done) => done(null, payload));
}

async function acceptForms(scope: App, limitBytes: number): Promise<void> {
  await scope.register(fastifyMultipart, { limits: { files: 1, fields: 10, fieldSize: 1_000, fileSize: limitBytes + 1 }, throwFileSizeLimit: false });
}

/** Undefined where the body is JSON, or nothing. */
export async function uploadOf(request: FastifyRequest, rules: UploadRules): Promise<Upload | undefined> {
  if (isForm(request)) return formUpload(request, rules);
  if (!isReadable(request.body)) return undefined;
  const { 'content-length': length, 'content-type': type } = request.headers;
  const sizeBytes = length === undefined ? undefined : Number(length);
  if (sizeBytes !== undefined && sizeBytes > rules.limitBytes) throw tooLong(rules);
  return {
    source: limited(request.body, rules),
    fields: {},
    charset: charsetOf(type),
    fileName: undefined,
    mimeType: type?.split(';', 1)[0]?.trim(),
    sizeBytes,
    finish: async () => undefined,
  };
}

/** Only where the scope takes forms. */
export function isForm(request: FastifyRequest): boolean {
  return typeof request.isMultipart === 'function' && request.isMultipart();
}

async function formUpload(request: FastifyRequest, rules: UploadRules): Promise<Upload> {
  const fields: Record<string, unknown> = {};
  const parts = readable(() => request.parts());
  for (let part = await parts.next(); part; part = await parts.next()) {
    if (part.type === 'field') fields[part.fieldname] = part.value;
    else {
      const { filename: fileName, mimetype: mimeType } = part;
      const source = limited(part.file, rules);
      return { source, fields, charset: undefined, fileName, mimeType, sizeBytes: undefined, finish: () => refuseMore(parts) };
    }
  }
  throw badForm(`The form has no file: append one, after the fields ${rules.fields}.`);
}

type Part = MultipartFile | MultipartValue;

/** A form that cannot be read is the caller's mistake. */
function readable(open: () => AsyncIterableIterator<Part>): { next(): Promise<Part | undefined> } {
  let parts: AsyncIterableIterator<Part> | undefined;
  return {
    async next() {
      try {
        parts ??= open();
        const { done, value } = await parts.next();
        return done ? undefined : value;
      } catch (error) {
        throw badForm(`The form cannot be read: ${messageOf(error)}. It may have one file, and some fields before it.`);
      }
    },
  };
}

async function refuseMore(parts: { next(): Promise<Part | undefined> }): Promise<void> {
  const part = await parts.next();
  if (part) throw badForm(`"${part.fieldname}" stands behind the file, which was stored without heeding it: put fields before the file.`);
}

function badForm(message: string): HttpError {
  return new HttpError(400, 'invalid_input', message, { issues: [{ path: 'body', message }] });
}

async function* limited(stream: Readable, rules: UploadRules): AsyncGenerator<Uint8Array> {
  let seen = 0;
  try {
    // Destroyed, it could not be drained, and who sends all before reading an answer would wait for ever.
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
      seen += chunk.length;
      if (seen > rules.limitBytes) throw tooLong(rules);
      yield chunk;
    }
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new HttpError(400, 'upload_cut', `The upload broke off. ${rules.cut}`);
  }
}

/** Reads on for a while what nobody wants any more. */
export function drain({ raw }: FastifyRequest): void {
  if (raw.readableEnded || raw.destroyed) return;
  const timer = setTimeout(() => raw.destroy(), DRAIN_MS);
  raw.once('close', () => clearTimeout(timer));
  raw.unpipe();
  raw.resume();
}

function tooLong({ limitBytes, tooLong: advice }: UploadRules): HttpError {
  const message = `The file is longer than the ${Number((limitBytes / 1024 / 1024).toFixed(2))} MiB that one upload may have. ${advice}`;
  return new HttpError(413, 'body_too_large', message, { uploadLimitBytes: limitBytes });
}

function isReadable(body: unknown): body is Readable {
  return typeof body === 'object' && body !== null && 'iterator' in body && 'pipe' in body;
}

function charsetOf(contentType: string | undefined): string | undefined {
  return /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType ?? '')?.[1];
}
