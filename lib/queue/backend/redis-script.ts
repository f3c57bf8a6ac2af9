import { createHash } from 'node:crypto';
import { ReplyError } from 'ioredis';
import { UnavailableError } from '../../errors.ts';
import { isAnswer, type RedisClient } from './redis-connection.ts';

export interface Script {
  lua: string;
  sha: string;
}

export const scriptOf = (lua: string): Script => ({ lua, sha: createHash('sha1').update(lua).digest('hex') });

/** Runs a script by its hash, and in full where Redis does not know it (any more). Rejects with `UnavailableError` while Redis is away. */
export function createScriptRunner(
  client: () => RedisClient,
): (script: Script, keys: readonly string[], args: readonly (string | number)[]) => Promise<unknown> {
  return (script, keys, args) =>
    available(async () => {
      const redis = client();
      try {
        return await redis.evalsha(script.sha, keys.length, ...keys, ...args);
      } catch (error) {
        if (!isUnknownScript(error)) throw error;
        return redis.eval(script.lua, keys.length, ...keys, ...args);
      }
    });
}

/** The first word of a Redis error is its code. */
function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error instanceof ReplyError && error.message.startsWith('NOSCRIPT');
}

/** What is no answer to the command means that Redis could not be asked. */
export async function available<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    if (isAnswer(cause)) throw cause;
    throw new UnavailableError('The queue store on Redis did not answer', { cause });
  }
}
