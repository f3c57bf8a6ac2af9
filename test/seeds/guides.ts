import { readFileSync } from 'node:fs';
import { parseCurl } from '../examples/curl.ts';

const read = (file: string): string => readFileSync(new URL(`./guides/${file}`, import.meta.url), 'utf8');

export interface Statement {
  guide: string;
  /** As it stands there, without its comments. */
  sql: string;
}

/** Every SQL statement of the old guides, in their order. */
export const statements: readonly Statement[] = ['000', '001', '003'].flatMap((guide) =>
  read(`${guide}.sql`)
    .replace(/^--.*$/gm, '')
    .split(';')
    .map((sql) => sql.trim())
    .filter((sql) => sql !== '')
    .map((sql) => ({ guide, sql })),
);

/** A statement with real ids for its placeholders. */
export function withIds(sql: string, ids: { conversation: string; user: string }): string {
  return sql.replaceAll('your-conversation-id', ids.conversation).replaceAll('your-user-id', ids.user);
}

/** Every curl line of the old guides that goes to the API; the other one looks at Redis Commander. */
export const curlLines: readonly string[] = read('002.sh')
  .trim()
  .split('\n\n')
  .filter((line) => !line.includes(':8081'));

/** Every curl line of the guide of the deal room workers. */
export const dealCurlLines: readonly string[] = read('004.sh').replace(/^#.*$/gm, '').trim().split(/\n+/);

export interface Request {
  url: string;
  method: string;
  headers: Headers;
  body?: string;
}

/** A curl line with host, port, ids and an Authorization header filled in, as the contract allows. */
export function requestOf(line: string, { url, token, storyId }: { url: string; token: string; storyId: string }): Request {
  const job = `story-enhancement-${storyId}`;
  const filled = line
    .replace(/http:\/\/[\w-]+:(?:5000|3000)/, url)
    .replace('story-enhancement-story-uuid', job)
    .replace('{job-id}', job);
  const request = parseCurl(filled, { TOKEN: token });
  if (!request.headers.has('authorization')) request.headers.set('authorization', `Bearer ${token}`);
  return request;
}
