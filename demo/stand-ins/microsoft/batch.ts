/** JSON batching: calls within a call, each with an answer of its own, in any order; one that depends on another comes after it, and not at all where that one failed. */
import { badRequest, type Call, json, type Reply, refuse } from './http.ts';

const MOST = 20;

interface Part {
  id: string;
  method: string;
  url: string;
  headers?: Record<string, string>;
  dependsOn?: string[];
}

/** As many parts of a batch are at one mailbox at a time. */
export const LANES = 4;

/** `isFull`: a part that would have been one too many at its mailbox. */
export async function answerBatch(
  call: Call,
  answerPart: (part: Call, isFull: boolean) => Reply | Promise<Reply>,
  fullLanes: number,
): Promise<Reply> {
  const parts = readParts(call);
  if (!parts) return badRequest('Invalid batch payload format.');
  if (parts.length > MOST) return badRequest(`Number of batch request steps exceeds the maximum value of ${MOST}.`);
  const lanes = lanesOf(call);
  const replies = new Map<string, Reply>();
  for (const [index, part] of parts.entries()) {
    const isBlocked = part.dependsOn?.some((id) => (replies.get(id)?.status ?? 404) >= 400);
    replies.set(part.id, isBlocked ? FAILED_DEPENDENCY : await answerPart(callOf(part, call), lanes - (index % lanes) <= fullLanes));
  }
  return json(200, { responses: [...replies].map(([id, reply]) => ({ id, ...toResponse(reply) })).reverse() });
}

const FAILED_DEPENDENCY = refuse(424, { code: 'FailedDependency', message: 'A request that this one depends on has failed.' });

/** How many of its parts a batch has at a mailbox at once: those that wait for no other. */
export function lanesOf(call: Call): number {
  return Math.min(LANES, readParts(call)?.filter(({ url, dependsOn }) => isMailPath(url) && !dependsOn?.length).length ?? 0);
}

export const isMailPath = (path: string): boolean => /^\/(me|users\/[^/]+)\/(mailFolders|messages)\b/i.test(path);

function readParts({ method, body }: Call): Part[] | undefined {
  try {
    const { requests }: { requests?: unknown } = JSON.parse(body);
    const isRight =
      method === 'POST' && Array.isArray(requests) && requests.every((part) => part?.id && part.method === 'GET' && /^\//.test(part.url));
    // Seen to be parts.
    return isRight ? (requests as Part[]) : undefined;
  } catch {
    return undefined;
  }
}

function callOf({ method, url, headers = {} }: Part, { headers: outer }: Call): Call {
  const { pathname, searchParams } = new URL(`/v1.0${url}`, 'http://stand-in');
  const own = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  return { method, path: pathname, query: searchParams, headers: { host: outer.host, ...Object.fromEntries(own) }, body: '' };
}

function toResponse({ status, headers, body }: Reply): object {
  const told = { 'Content-Type': headers['content-type'] ?? 'application/json', 'Retry-After': headers['retry-after'], Location: headers.location };
  return {
    status,
    headers: Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined)),
    body: typeof body === 'string' && body ? JSON.parse(body) : null,
  };
}
