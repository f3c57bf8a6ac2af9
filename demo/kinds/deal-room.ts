import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import type { DemoApi } from '../api.ts';
import type { DemoKind, DemoTools, JobRef, Section } from '../kind.ts';
import { shorten, wrap } from '../text.ts';

const SAMPLES = new URL('../../examples/data/', import.meta.url);
/** Cannot be read: what becomes of them is part of what is shown, not a job that went wrong. */
const UNREADABLE = /^(?:locked|broken)/;
const AFTER_READING = ['summarize', 'extract_risks', 'classify'] as const;
const NAME_WIDTH = 26;
const READ_WIDTH = 22;
const CLASS_WIDTH = 24;
/** Of all borders. */
const OTHER_COLUMNS = 13;
const RISKS_SHOWN = 3;
const LOOK_EVERY_MS = 50;
/** Of the brief, which quotes whole passages. */
const LINE_LENGTH = 180;

const document = z.object({
  id: z.string(),
  name: z.string(),
  status: z.string(),
  statusReason: z.string().nullable(),
  format: z.string().nullable(),
  pages: z.number().nullable(),
  ocrPages: z.number().nullable(),
  summary: z.string().nullable(),
  workstream: z.string().nullable(),
  documentType: z.string().nullable(),
});
type Document = z.infer<typeof document>;
const step = z.object({ operation: z.string(), jobId: z.string().nullable() });
const uploaded = z.object({ document: z.object({ id: z.string() }), jobId: z.string() });
const detail = z.object({ document: document.extend({ steps: z.array(step) }) });
const documentPage = z.object({ documents: z.array(document) });
const created = z.object({ deal: z.object({ id: z.string() }) });
const email = z.object({ subject: z.string().nullable(), sentiment: z.string().nullable(), urgency: z.string().nullable() });
type Email = z.infer<typeof email>;
const stored = z.object({
  email: z.object({ subject: z.string().nullable() }),
  jobs: z.array(z.object({ operation: z.string(), jobId: z.string() })),
});
const emailPage = z.object({ emails: z.array(email) });
const risk = z.object({ category: z.string(), severity: z.string(), quote: z.string(), page: z.number().nullable() });
type Risk = z.infer<typeof risk>;
const riskPage = z.object({ risks: z.array(risk) });
const blockerPage = z.object({ blockers: z.array(z.object({ status: z.string(), subject: z.string().nullable(), summary: z.string() })) });
const dealPage = z.object({ deals: z.array(z.object({ id: z.string(), name: z.string() })) });
const DEAL = 'Project Harbour';
const briefPage = z.object({ briefs: z.array(z.object({ date: z.string() })) });

interface Sample {
  name: string;
  file: Uint8Array<ArrayBuffer>;
}

/** What one run of the demo knows of its deal. */
interface Room {
  dealId: string;
  /** Ids of documents, by name. */
  documents: Map<string, string>;
  asked: JobRef[];
}

/** Documents and mails of a deal are read and judged, then a brief tells of them. */
export const dealRoom: DemoKind = {
  name: 'dealRoom',
  label: 'Deal room',
  async prepare() {
    const [documents, emails] = await Promise.all([readSamples('documents'), readSamples('emails')]);
    const room: Room = { dealId: '', documents: new Map(), asked: [] };
    const readable = documents.filter(({ name }) => !UNREADABLE.test(name));
    const steps = [
      ...readable.map(
        (sample) =>
          ({ customer: { api } }: DemoTools) =>
            upload(api, room, sample),
      ),
      ...emails.flatMap((sample) => mailSteps(room, sample)),
      ...AFTER_READING.flatMap((operation) =>
        readable.map(
          ({ name }) =>
            ({ customer: { api } }: DemoTools) =>
              next(api, room, name, operation),
        ),
      ),
      ({ customer: { api } }: DemoTools) =>
        brief(
          api,
          room,
          documents.filter(({ name }) => UNREADABLE.test(name)),
        ),
    ];
    return steps.map((ask) => async (tools: DemoTools) => {
      const job = await ask(tools);
      room.asked.push(job);
      return job;
    });
  },
  report: ({ customer: { api } }, _completed, width) => report(api, width),
};

async function readSamples(folder: string): Promise<Sample[]> {
  const names = (await readdir(new URL(`${folder}/`, SAMPLES), { recursive: true }))
    .filter((name) => /\.\w+$/.test(name) && !name.endsWith('.md'))
    .sort();
  return Promise.all(
    names.map(async (path) => ({ name: basename(path), file: new Uint8Array(await readFile(new URL(`${folder}/${path}`, SAMPLES))) })),
  );
}

async function dealOf(api: DemoApi, room: Room): Promise<string> {
  if (room.dealId === '') room.dealId = (await api.post('/api/deals', { name: DEAL, timeZone: 'Europe/London' }, created)).deal.id;
  return room.dealId;
}

async function upload(api: DemoApi, room: Room, { name, file }: Sample): Promise<JobRef> {
  const query = new URLSearchParams({ dealId: await dealOf(api, room), name });
  const { document: made, jobId } = await api.upload(`/api/documents?${query}`, file, uploaded, 'application/octet-stream');
  room.documents.set(name, made.id);
  return { queue: 'document-processing', jobId, title: `ingest ${name}` };
}

/** A mail is stored once, which asks for both of its jobs. */
function mailSteps(room: Room, { name, file }: Sample): ((tools: DemoTools) => Promise<JobRef>)[] {
  let sent: Promise<z.infer<typeof stored>> | undefined;
  return (['analyze_sentiment', 'detect_blocker'] as const).map((operation) => async ({ customer: { api } }) => {
    sent ??= dealOf(api, room).then((dealId) => api.upload(`/api/emails?dealId=${dealId}`, file, stored, 'message/rfc822'));
    const job = (await sent).jobs.find((one) => one.operation === operation);
    if (!job) throw new Error(`${operation} was not asked for: ${name} has been stored before`);
    return { queue: 'email-processing', jobId: job.jobId, title: `${operation} ${name}` };
  });
}

/** What a document's reading has asked for. */
async function next(api: DemoApi, room: Room, name: string, operation: string): Promise<JobRef> {
  const id = room.documents.get(name);
  for (;;) {
    const { document: found } = await api.get(`/api/documents/${id}`, detail);
    if (found.status === 'failed') throw new Error(`${name} could not be read: ${found.statusReason}`);
    const jobId = found.steps.find((one) => one.operation === operation)?.jobId;
    if (jobId) return { queue: 'document-processing', jobId, title: `${operation} ${name}` };
    await pause(LOOK_EVERY_MS);
  }
}

/** When everything else has ended, the files that cannot be read included. */
async function brief(api: DemoApi, room: Room, unreadable: readonly Sample[]): Promise<JobRef> {
  const others = await Promise.all(unreadable.map((sample) => upload(api, room, sample)));
  await Promise.all([...room.asked, ...others].map((job) => api.follow(job, () => undefined)));
  const jobs = await api.triggerBriefs(room.dealId);
  return { queue: 'daily-brief', jobId: jobs[0] ?? '', title: 'generate the brief' };
}

async function report(api: DemoApi, width: number): Promise<Section> {
  const { deals } = await api.get('/api/deals', dealPage);
  const id = deals.find(({ name }) => name === DEAL)?.id;
  const path = `/api/deals/${id}`;
  const [{ documents }, { emails }, { risks }, { blockers }, { briefs }] = await Promise.all([
    api.get(`/api/documents?limit=100&dealId=${id}`, documentPage),
    api.get(`/api/emails?limit=100&dealId=${id}`, emailPage),
    api.get(`${path}/risks?limit=100`, riskPage),
    api.get(`${path}/blockers`, blockerPage),
    api.get(`${path}/briefs`, briefPage),
  ]);
  const text = briefs[0] ? new TextDecoder().decode(await api.download(`${path}/briefs/${briefs[0].date}`, 'text/markdown')) : '';
  const summaryWidth = Math.max(20, width - NAME_WIDTH - READ_WIDTH - CLASS_WIDTH - OTHER_COLUMNS);
  return {
    caption:
      'Deal room (ingest, summarize, extract_risks, classify, analyze_sentiment, detect_blocker, generate). Real documents and mails, from file to brief.',
    head: ['Document', 'Read', 'Class', 'Summary begins'],
    rows: documents.toSorted((a, b) => a.name.localeCompare(b.name)).map((one) => rowOf(one, summaryWidth)),
    notes: [
      risksNote(risks),
      mailsNote(emails),
      ...blockers.map(({ status, subject, summary }) => `  Blocker (${status}), “${subject ?? ''}”: ${summary}`),
      'The brief:',
      ...text.split(/\n{2,}/).map((part) => indent(part)),
      WHO,
    ],
    data: { documents, risks: risks.length, emails, blockers, brief: text },
  };
}

function rowOf({ name, status, statusReason, format, pages, ocrPages, workstream, documentType, summary }: Document, summaryWidth: number): string[] {
  if (status === 'failed') return [shorten(name, NAME_WIDTH), 'not read', '', wrap(shorten(statusReason ?? '', 2 * summaryWidth - 10), summaryWidth)];
  const scanned = ocrPages ? `, ${ocrPages} by OCR` : '';
  return [
    shorten(name, NAME_WIDTH),
    `${format}, ${pages} ${pages === 1 ? 'page' : 'pages'}${scanned}`,
    wrap(`${workstream}: ${documentType}`, CLASS_WIDTH),
    wrap(shorten((summary ?? statusReason ?? '').replace(/\s+/g, ' '), 2 * summaryWidth - 10), summaryWidth),
  ];
}

function risksNote(risks: readonly Risk[]): string {
  if (risks.length === 0) return 'Risks: none found.';
  const shown = risks
    .slice(0, RISKS_SHOWN)
    .map(
      ({ category, severity, quote, page }) =>
        `${severity} ${category.replaceAll('_', ' ')}, page ${page ?? '?'}: “${shorten(quote.replace(/\s+/g, ' '), 120)}”`,
    );
  return `Risks: ${risks.length}, each with a passage that stands in its document. ${shown.join(' · ')}`;
}

function mailsNote(emails: readonly Email[]): string {
  const count = (label: string): number => emails.filter(({ sentiment }) => sentiment === label).length;
  const urgent = emails.filter(({ urgency }) => urgency === 'high').length;
  return `E-mails: ${emails.length}, of which ${count('negative')} negative, ${count('mixed')} mixed, ${count('neutral')} neutral, ${count('positive')} positive; ${urgent} urgent.`;
}

/** A line of the brief is an item or a heading. */
const indent = (text: string): string =>
  text
    .split('\n')
    .map((line) => `  ${shorten(line, LINE_LENGTH)}`)
    .join('\n');

const WHO =
  'Done by word rules and extracts, since no key is set: they name what stands there and understand nothing. With ANTHROPIC_API_KEY or OPENAI_API_KEY set, the same command asks a model, and every quote and number is checked.';
