import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { preferred } from './accept.ts';
import { HttpError } from './errors.ts';

/** The format that `?format=` names, else the one that `Accept` prefers. Throws 406 when it takes none of them. */
export function formatOf<F extends string>(request: FastifyRequest, named: F | undefined, types: Readonly<Record<F, string>>): F {
  if (named !== undefined) return named;
  // Its keys are all there is.
  const formats = Object.keys(types) as F[];
  const type = preferred(
    request.headers.accept,
    formats.map((format) => types[format]),
  );
  const format = formats.find((candidate) => types[candidate] === type);
  if (format !== undefined) return format;
  throw new HttpError(
    406,
    'not_acceptable',
    `This is to be had as ${formats.map((one) => types[one]).join(', ')}: name one in Accept, or in ?format=.`,
    {
      formats,
    },
  );
}

/** Browsers may keep the answer, for the same caller, and ask whether it is still good. */
export function tagAnswer(reply: FastifyReply, tag: string): void {
  reply.header('etag', `"${tag}"`).header('cache-control', 'private, no-cache');
  varies(reply);
}

/** The answer depends on who asks, and for what. */
export function varies(reply: FastifyReply): void {
  const there = [reply.getHeader('vary') ?? []].flat().map(String);
  reply.header('vary', [...there, 'Accept', 'Authorization', 'X-User-Id'].join(', '));
}

/** Whether the caller has the answer with this tag already (RFC 9110, 13.1.2). */
export function isKnown(request: FastifyRequest, tag: string): boolean {
  const known = request.headers['if-none-match'];
  if (known === undefined) return false;
  return known.trim() === '*' || known.split(',').some((one) => one.trim().replace(/^W\//, '') === `"${tag}"`);
}

/** For a download named by a user's own words (RFC 6266): no path, no control characters; plain letters for old clients, all of them for the rest. */
export function attachment(title: string, ending: string, otherwise = 'conversation'): string {
  const name = title
    .toWellFormed()
    .normalize('NFC')
    .replaceAll(/[\p{C}\p{Z}"*/:;<>?\\|%]+/gu, ' ')
    .trim()
    .replace(/^[.\s]+/, '');
  const short = [...name].slice(0, 80).join('').trim() || otherwise;
  const plain =
    short
      .normalize('NFKD')
      .replaceAll(/[^\x20-\x7E]/g, '')
      .replaceAll(/["\\;]/g, '')
      .trim() || otherwise;
  const encoded = encodeURIComponent(`${short}.${ending}`).replaceAll(
    /['()]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}.${ending}"; filename*=UTF-8''${encoded}`;
}

/** Text that is written while it is sent, no faster than it is read. A failure on the way breaks the answer off, so that it is not taken for whole. */
export function sendText(reply: FastifyReply, type: string, pieces: AsyncIterable<string>): FastifyReply {
  return reply.type(`${type}; charset=utf-8`).send(Readable.from(pieces, { highWaterMark: 1 }));
}
