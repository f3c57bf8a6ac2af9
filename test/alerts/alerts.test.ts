import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { createAlerts } from '../../lib/alerts/index.ts';
import { listeningLog } from '../oauth/world.ts';
import { freePort } from '../support/port.ts';

const alert = { kind: 'reauth_required' as const, message: 'Connect again, please', details: { connectionId: 'c1', token: 'never-shown' } };

async function webhook(listener: RequestListener) {
  const requests: { method: string; type: string; body: string }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    requests.push({ method: String(request.method), type: String(request.headers['content-type']), body: Buffer.concat(chunks).toString() });
    listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { requests, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/services/secret-path` };
}

async function raised(webhookUrl: string | undefined) {
  const heard = await listeningLog();
  const pauses: number[] = [];
  const alerts = createAlerts({ webhookUrl, log: heard.log, pause: async (ms) => void pauses.push(ms) });
  await alerts.raise(alert);
  expect(heard.text()).not.toMatch(/secret-path|never-shown/);
  return { lines: heard.lines(), pauses };
}

it('an alert is one line of the log, and one message to the webhook', async () => {
  const { requests, url } = await webhook((_, response) => response.end('ok'));
  const { lines } = await raised(url);
  expect(lines).toEqual([expect.objectContaining({ level: 'warn', event: 'reauth_required', message: alert.message, connectionId: 'c1' })]);
  expect(requests).toEqual([{ method: 'POST', type: 'application/json', body: '{"text":"Connect again, please"}' }]);
});

it('without a webhook it is the line alone', async () => {
  expect((await raised(undefined)).lines).toHaveLength(1);
});

it('a webhook that fails is tried three times, then that is written down', async () => {
  const { requests, url } = await webhook((_, response) => response.writeHead(503).end());
  const { lines, pauses } = await raised(url);
  expect(requests).toHaveLength(3);
  expect(pauses).toEqual([1_000, 4_000]);
  expect(lines.at(-1)).toMatchObject({ level: 'warn', event: 'alert.not_delivered', kind: 'reauth_required', reason: 'status 503' });
});

it('a webhook that refuses is not asked again', async () => {
  const { requests, url } = await webhook((_, response) => response.writeHead(404).end());
  expect((await raised(url)).lines.at(-1)).toMatchObject({ event: 'alert.not_delivered', reason: 'status 404' });
  expect(requests).toHaveLength(1);
});

it('a message is not sent on to wherever the webhook points', async () => {
  const elsewhere = await webhook((_, response) => response.end());
  const { url } = await webhook((_, response) => response.writeHead(307, { location: elsewhere.url }).end());
  await raised(url);
  expect(elsewhere.requests).toEqual([]);
});

it('a webhook that is away never rejects', async () => {
  const { lines } = await raised(`http://127.0.0.1:${await freePort()}/secret-path`);
  expect(lines.at(-1)).toMatchObject({ event: 'alert.not_delivered' });
});
