import type { gmail_v1 } from '@googleapis/gmail';
import { refusalOf } from '../../provider-failure.ts';
import type { Caller } from './call.ts';
import type { GmailClient } from './client.ts';

/** One call of Google's client. `fields`: what of the job it was made from. */
export type Ask = <T>(
  method: string,
  cost: number,
  send: (api: gmail_v1.Gmail, options: ReturnType<GmailClient['options']>) => Promise<{ data: T }>,
  fields?: readonly string[],
) => Promise<T>;

export function createAsk(call: Caller, maxBytes: number): Ask {
  return (method, cost, send, fields = []) =>
    call({
      method,
      cost,
      fields,
      send: async (client, signal) => {
        const { data } = await send(client.api, client.options({ signal, maxBytes }));
        // Some page of a proxy, say: taken for an answer it would look like an empty mailbox.
        if (typeof data !== 'object' || data === null) throw new TypeError('An answer that is no JSON object');
        return data;
      },
    });
}

/** Undefined where Google says that there is no such thing. */
export async function unlessMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (refusalOf(error)?.status === 404) return undefined;
    throw error;
  }
}
