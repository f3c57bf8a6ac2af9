import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { requireUuid } from './job-rows.ts';
import { newestFirst } from './newest-first.ts';
import { answer, type Client, callJson, firstRow, parseRow } from './rest.ts';
import { integer, isUuid, storableText, timestamp } from './rows.ts';
import type { CreditsTable, LedgerEntry } from './types.ts';

const entry = z.object({
  id: integer.transform(String),
  user_id: z.string(),
  amount: integer,
  kind: z.enum(['opening', 'grant', 'adjustment', 'reserve', 'settle', 'release']),
  balance_after: integer,
  job_id: z.string().nullable(),
  run: integer.nullable(),
  note: z.string().nullable(),
  created_at: timestamp,
});

function parseEntry(value: unknown): LedgerEntry {
  const found = parseRow(entry, value, 'credit_ledger');
  return {
    id: found.id,
    userId: found.user_id,
    amount: found.amount,
    kind: found.kind,
    balanceAfter: found.balance_after,
    jobId: found.job_id,
    run: found.run,
    note: found.note,
    createdAt: found.created_at,
  };
}

const account = z.object({ balance: integer });
const granted = z.object({ balance: integer, granted: z.boolean() });
const prices = z.array(z.object({ type: z.string(), credits: integer }));

/** `user_credits`, `credit_ledger` and `job_prices`: as the service role; users may read their own. */
export function createCreditsTable(client: Client): CreditsTable {
  return {
    async balance(userId) {
      if (!isUuid(userId)) return 0;
      const found = firstRow(await answer(client.from('user_credits').select('balance').eq('user_id', userId).limit(1)));
      return found === undefined ? 0 : parseRow(account, found, 'user_credits').balance;
    },

    ledger: async ({ userId, limit, cursor }) =>
      newestFirst(client, 'credit_ledger', { limit, cursor, where: { user_id: requireUuid('userId', userId) }, ids: 'number' }, parseEntry),

    async grant({ userId, amount, idempotencyKey, note }) {
      const args = {
        p_user_id: requireUuid('userId', userId),
        p_amount: amount,
        // Repeated after a lost answer, it still adds once.
        p_idempotency_key: storableText(idempotencyKey ?? randomUUID()),
        p_note: note === undefined ? null : storableText(note),
      };
      return callJson(client, 'grant_credits', args, granted);
    },

    async prices() {
      const rows = parseRow(prices, await answer(client.from('job_prices').select('type,credits')), 'job_prices');
      return Object.fromEntries(rows.map(({ type, credits }) => [type, credits]));
    },
  };
}
