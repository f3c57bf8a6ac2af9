import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { DemoApi } from './api.ts';
import type { Section } from './kind.ts';

/** A user of the app that the demo plays: review jobs are paid with the user's credits. */
export interface Customer {
  userId: string;
  /** The API, acting for this user. */
  api: DemoApi;
}

const GRANTED = 30;

const granted = z.object({ balance: z.number() });
const movement = z.object({ kind: z.enum(['opening', 'grant', 'adjustment', 'reserve', 'settle', 'release']), amount: z.number() });
type Movement = z.infer<typeof movement>;
const credits = z.object({ balance: z.number(), prices: z.record(z.string(), z.number()), ledger: z.array(movement) });

/** Somebody new, with credits. */
export async function createCustomer(api: DemoApi): Promise<Customer> {
  const userId = randomUUID();
  await api.post('/api/credits/grant', { userId, amount: GRANTED, note: 'Demo' }, granted);
  return { userId, api: api.actingFor(userId) };
}

const MOVEMENTS: readonly (readonly [Movement['kind'], string])[] = [
  ['grant', 'Granted'],
  ['reserve', 'Taken when a job was asked for'],
  ['settle', 'Kept: the job completed'],
  ['release', 'Given back: the job failed or was cancelled'],
];

/** What the jobs cost, from the ledger, and what somebody without credits is told. */
export async function reportCredits({ api }: Customer, somebodyElse: DemoApi): Promise<Section> {
  const { balance, prices, ledger } = await api.get('/api/credits?limit=100', credits);
  const refusal = await somebodyElse.refused('/api/jobs', { type: 'ai_generation', payload: { review_text: 'Great service!' } });
  const counts = MOVEMENTS.map(([kind, label]) => {
    const found = ledger.filter((entry) => entry.kind === kind);
    return { kind, label, count: found.length, sum: found.reduce((sum, { amount }) => sum + amount, 0) };
  });
  return {
    caption: `Credits. Review jobs are paid when they are asked for: ${Object.entries(prices)
      .map(([type, price]) => `${type} ${price}`)
      .join(', ')}.`,
    head: ['Movements', 'How many', 'Credits'],
    rows: [...counts.map(({ label, count, sum }) => [label, `${count}`, signed(sum)]), ['Balance now', '', `${balance}`]],
    notes: [`A second user, without credits, asked for a reply and was answered with ${refusal.status}: “${refusal.message}”.`],
    data: { granted: GRANTED, balance, ledger: Object.fromEntries(counts.map(({ kind, count, sum }) => [kind, { count, credits: sum }])), refusal },
  };
}

function signed(credit: number): string {
  return credit > 0 ? `+${credit}` : `${credit}`;
}
