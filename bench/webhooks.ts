import { randomUUID } from 'node:crypto';
import { hashOfSecret, newNoticeSecret } from '../lib/sources/notice-secret.ts';
import { newDeal } from '../test/db/deal-samples.ts';
import { newConnection } from '../test/db/mail-samples.ts';
import { type ApiProcess, startWorld, type World } from '../test/support/world.ts';
import { type Bench, type Figure, quantile } from './report.ts';

const NOTICES = 1_000;
const AT_A_TIME = 10;
const BASELINE = `GET /health/live, ${AT_A_TIME} at a time`;

type Send = (index: number) => Promise<Response>;

/** Milliseconds for each. Throws where one is not answered as it should be. */
async function timeEach(count: number, statuses: readonly number[], send: Send): Promise<number[]> {
  const times: number[] = [];
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      const startedAt = performance.now();
      const reply = await send(index);
      times.push(performance.now() - startedAt);
      await reply.arrayBuffer();
      if (!statuses.includes(reply.status)) throw new Error(`answered with ${reply.status}`);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, one));
  return times;
}

async function watched({ db }: World, type: 'gdrive' | 'sharepoint'): Promise<{ id: string; secret: string }> {
  const deal = await db.deals.create(newDeal(), randomUUID());
  const { id: connectionId } = await db.connections.save(newConnection({ provider: type === 'gdrive' ? 'google' : 'microsoft' }));
  const { source } = await db.dealSources.create({ dealId: deal.id, sourceType: type, name: '', settings: {}, createdBy: null, connectionId });
  const watch = { id: randomUUID(), secret: newNoticeSecret() };
  const expiresAt = new Date(Date.now() + 86_400_000).toISOString();
  await db.dealSources.setWatch(source.id, { id: watch.id, resource: null, expiresAt, secretHash: hashOfSecret(watch.secret) });
  return watch;
}

async function sendersOf(world: World, { url }: ApiProcess): Promise<readonly { name: string; statuses: number[]; send: Send }[]> {
  const [drive, library] = [await watched(world, 'gdrive'), await watched(world, 'sharepoint')];
  let numbers = 0;
  const toDrive = (channel: typeof drive) =>
    fetch(`${url}/api/webhooks/gdrive`, {
      method: 'POST',
      headers: {
        'x-goog-channel-id': channel.id,
        'x-goog-channel-token': channel.secret,
        'x-goog-resource-id': 'drive',
        'x-goog-resource-state': 'change',
        'x-goog-message-number': String(++numbers),
      },
    });
  const toGraph = (subscription: typeof library) =>
    fetch(`${url}/api/webhooks/graph`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        value: [{ subscriptionId: subscription.id, clientState: subscription.secret, changeType: 'updated', resource: 'drives/1/root' }],
      }),
    });
  return [
    { name: 'graph', statuses: [202], send: () => toGraph(library) },
    // Those that are overtaken by a later number are refused.
    { name: 'gdrive', statuses: [204, 409], send: () => toDrive(drive) },
  ];
}

const answers: Bench = {
  name: 'webhooks.answer',
  about: `${NOTICES} genuine notices of change for one source, ${AT_A_TIME} at a time, until each is answered (to be below 100 ms); requests that do nothing, to the same API`,
  async run() {
    const world = await startWorld({ queue: 'redis', env: { RATE_LIMIT_PER_MINUTE: '1000000' } });
    try {
      const api = await world.startApi();
      const figures: Figure[] = [];
      const live: Send = () => fetch(`${api.url}/health/live`);
      for (const { name, statuses, send } of await sendersOf(world, api)) {
        await timeEach(NOTICES / 10, statuses, send);
        const baseline = await timeEach(NOTICES, [200], live);
        const times = await timeEach(NOTICES, statuses, send);
        for (const [percentile, q] of [
          ['p50', 0.5],
          ['p99', 0.99],
        ] as const) {
          const [value, baselineValue] = [quantile(times, q), quantile(baseline, q)];
          const figure = { bench: `webhooks.${name}.${percentile}`, value, unit: 'ms', baseline: BASELINE, baselineValue };
          figures.push({ ...figure, ratio: baselineValue / value, n: times.length });
        }
      }
      return figures;
    } finally {
      await world.stop();
    }
  },
};

export const webhookBenches: readonly Bench[] = [answers];
