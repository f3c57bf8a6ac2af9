import type { FastifyReply, FastifyRequest } from 'fastify';
import { SECOND } from '../lib/clock.ts';
import { isRandomKey, newBrowserKey, TRIP_MS } from '../lib/oauth/round-trip.ts';

const NAME = 'hivepulse_connect';

/** The key of the browser that sends the request; undefined where it has none, or one that we have not made. */
export function browserKeyOf(request: FastifyRequest): string | undefined {
  const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim());
  const own = pairs.find((pair) => pair.startsWith(`${NAME}=`))?.slice(NAME.length + 1);
  return own !== undefined && isRandomKey(own) ? own : undefined;
}

/** Gives the browser its key, or keeps the one it has: two tabs may set out at the same time. */
export function keepBrowserKey(request: FastifyRequest, reply: FastifyReply, publicUrl: string): string {
  const key = browserKeyOf(request) ?? newBrowserKey();
  const { protocol, pathname } = new URL(publicUrl);
  const path = `${pathname.replace(/\/$/, '')}/api/connections`;
  // Lax: it must come along when the provider sends the browser back here, and with nothing that another site posts.
  const attributes = [`Path=${path}`, `Max-Age=${TRIP_MS / SECOND}`, 'HttpOnly', 'SameSite=Lax', ...(protocol === 'https:' ? ['Secure'] : [])];
  reply.header('set-cookie', [`${NAME}=${key}`, ...attributes].join('; '));
  return key;
}
