import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProcess } from '../support/process.ts';
import { type ApiProcess, eventually, leaksIn, startWorld, type World, type WorldOptions } from '../support/world.ts';

const SECRET = randomBytes(8).toString('hex');
/** Stands in every text of a deal. */
export const DEAL_MARK = `text-of-a-deal-${SECRET}`;

// biome-ignore lint/suspicious/noExplicitAny: the point of these tests is to look into bodies of any shape.
type Body = any;

export interface DealWorld extends World {
  api: ApiProcess;
  newDeal(fields?: object): Promise<string>;
  upload(dealId: string, name: string, file: string | Uint8Array<ArrayBuffer>): Promise<{ id: string; jobId: string | null; status: number }>;
  /** The document once nothing of it is under way. */
  settled(documentId: string, timeoutMs?: number): Promise<Body>;
  mail(dealId: string, fields: object): Promise<string>;
  /** Both steps of each have ended. */
  mailsSettled(dealId: string): Promise<Body[]>;
  /** Asks for a brief by hand, and waits for it. */
  brief(dealId: string): Promise<Body>;
  editions(dealId: string): Promise<{ date: string; edition: number; trigger: string; due_at: Date | null; late: boolean }[]>;
  /** Lines of any process that hold a key or a text of a deal. */
  dealLeaks(): string[];
}

export async function startDealWorld(options: WorldOptions): Promise<DealWorld> {
  const files = await mkdtemp(join(tmpdir(), 'hivepulse-e2e-files-'));
  const world = await startWorld({
    ...options,
    env: {
      STORAGE_DIR: files,
      AI_PROVIDER: 'local',
      POLL_INTERVAL_MS: '250',
      DOCUMENT_PROCESSING_BACKOFF_DELAY: '100',
      SCHEDULER: 'off',
      ...options.env,
    },
  });
  const api = await world.startApi();
  const processes: TestProcess[] = [api];

  const call = async (method: string, path: string, body?: unknown): Promise<Body> => {
    const reply = await api.call(method, path, body);
    if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply.body;
  };

  return {
    ...world,
    api,
    startWorker: async (more) => {
      const worker = await world.startWorker(more);
      processes.push(worker);
      return worker;
    },
    newDeal: async (fields = {}) => (await call('POST', '/api/deals', { name: `Project ${randomUUID()}`, ...fields })).data.deal.id,
    upload: async (dealId, name, file) => {
      const response = await fetch(`${api.url}/api/documents?${new URLSearchParams({ dealId, name })}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${api.key}`, 'content-type': 'application/octet-stream' },
        body: file,
      });
      const body: Body = await response.json();
      if (!response.ok) throw new Error(`${name}: ${response.status} ${JSON.stringify(body)}`);
      return { id: body.data.document.id, jobId: body.data.jobId, status: response.status };
    },
    settled: (documentId, timeoutMs = 60_000) =>
      eventually(async () => {
        const { document } = (await call('GET', `/api/documents/${documentId}`)).data;
        return ['ready', 'partial', 'failed', 'cancelled'].includes(document.status) && document;
      }, timeoutMs),
    mail: async (dealId, fields) => (await call('POST', '/api/emails', { dealId, ...fields })).data.email.id,
    mailsSettled: (dealId) =>
      eventually(async () => {
        const open = await world.sql`select 1 from deal_steps where deal_id = ${dealId} and subject = 'email' and status in ('queued', 'processing')`;
        return open.length === 0 && (await call('GET', `/api/emails?dealId=${dealId}&limit=100`)).data.emails;
      }, 60_000),
    brief: async (dealId) => {
      const { jobs } = await call('POST', '/api/queue/trigger-daily-briefs', { dealId });
      await eventually(async () => {
        const [step] = await world.sql`select status, error from deal_steps where subject = 'brief' and key = ${jobs[0].jobId}`;
        if (step?.status === 'failed') throw new Error(`The brief failed: ${step.error}`);
        return step?.status === 'succeeded';
      }, 60_000);
      return (await call('GET', `/api/deals/${dealId}/briefs/${jobs[0].date}`)).data.brief;
    },
    editions: (dealId) => world.sql`
      select b.date::text, e.edition, e.trigger, e.due_at, e.late from daily_brief_editions e join daily_briefs b on b.id = e.brief_id
      where e.deal_id = ${dealId} order by b.date, e.edition`,
    stop: async () => {
      await world.stop();
      await rm(files, { recursive: true, force: true });
    },
    dealLeaks: () => [...world.leaks(), ...leaksIn(processes, [DEAL_MARK])],
  };
}
