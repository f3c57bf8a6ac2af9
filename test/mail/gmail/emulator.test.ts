import { expect, it } from 'vitest';
import { startEmulator } from '../../support/google.ts';
import { ANNA, openMailbox } from './support.ts';

const message = (n: number) => ({
  id: `msg${n}`,
  user_email: ANNA,
  from: 'Bo <bo@example.com>',
  to: ANNA,
  subject: `Mail ${n}`,
  body_text: `This is mail number ${n}.`,
  label_ids: ['INBOX', 'UNREAD'],
  date: new Date(Date.UTC(2026, 10, 1) + n * 60_000).toISOString(),
});

async function open() {
  const emulator = await startEmulator({ google: { users: [{ email: ANNA, name: 'Anna' }], messages: [1, 2, 3].map(message) } });
  // It takes the name for the token.
  const tokens = { accessToken: async () => 'gmail-token' };
  return { emulator, mailbox: openMailbox(emulator.url, tokens, { timings: { retries: 0 } }) };
}

const call = (url: string, path: string, body: unknown) =>
  fetch(`${url}/gmail/v1/users/me/${path}`, {
    method: 'POST',
    headers: { authorization: 'Bearer gmail-token', 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

it('lists, reads and follows a mailbox at a server that nobody here wrote', async () => {
  const { emulator, mailbox } = await open();
  const { ids } = await mailbox.list({ limit: 500 });
  expect(ids).toEqual(['msg3', 'msg2', 'msg1']);
  const reads = await mailbox.read([...ids, 'nothing']);
  expect(reads.map(({ id, state }) => `${id} ${state}`)).toEqual(['msg3 read', 'msg2 read', 'msg1 read', 'nothing gone']);

  const { historyId } = await mailbox.profile();
  await call(emulator.url, 'messages/msg1/modify', { addLabelIds: ['STARRED'], removeLabelIds: ['UNREAD'] });
  const page = await mailbox.history({ since: historyId });
  expect(page).toMatchObject({ added: [], deleted: [], labels: [{ id: 'msg1', added: ['STARRED'], removed: ['UNREAD'] }] });
  expect(page?.historyId).not.toBe(historyId);
});
