import type { TestUser } from '../support/users.ts';
import type { Api, CallOptions, Reply } from './world.ts';

/** A deal of a user; its id. */
export async function openDeal(api: Pick<Api, 'call'>, options: CallOptions = {}): Promise<string> {
  const { status, body } = await api.call('POST', '/api/deals', { json: { name: 'Project Falcon' }, ...options });
  if (status !== 201) throw new Error(`deal not opened: ${JSON.stringify(body)}`);
  return body.data.deal.id;
}

/** Every way in which somebody may ask for what is another's; all of them have to end alike. */
export async function foreignAnswers(
  api: Pick<Api, 'call'>,
  stranger: TestUser,
  calls: readonly (readonly [method: string, path: string, json?: unknown])[],
): Promise<(readonly [string, number, unknown])[]> {
  const callers: CallOptions[] = [{ jwt: stranger.jwt }, { headers: { 'x-user-id': stranger.id } }];
  const replies = [];
  for (const [method, path, json] of calls) {
    for (const caller of callers) {
      const { status, body }: Reply = await api.call(method, path, { ...caller, ...(json === undefined ? {} : { json }) });
      replies.push([`${method} ${path}`, status, body.error?.code] as const);
    }
  }
  return replies;
}
