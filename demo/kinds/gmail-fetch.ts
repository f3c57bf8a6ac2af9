import { readdir, readFile } from 'node:fs/promises';
import { z } from 'zod';
import { type FetchResult, fetchResult } from '../../lib/jobs/gmail-fetch.ts';
import type { DemoApi } from '../api.ts';
import type { DemoKind, DemoTools, EndedJob, JobRef, Section } from '../kind.ts';
import type { Mailbox } from '../stand-ins/google/mailbox.ts';
import { seconds, shorten } from '../text.ts';

const SAMPLES = new URL('../../examples/data/mail/', import.meta.url);
const EMAIL = 'mary@example.net';
/** They come when the mailbox has been fetched once; the second answers one that was there. */
const LATER = ['mail/japanese.eml', 'mail/example06.eml'];
const SHOWN = 8;
/** Of the date and all borders. */
const OTHER_COLUMNS = 23;
const FROM_WIDTH = 20;
const SUBJECT_WIDTH = 30;

const FIRST = 'The whole mailbox';
const SECOND = 'Two new mails';
const THIRD = 'The whole mailbox again';

const asked = z.object({ job: z.object({ id: z.string() }) });
const ended = z.object({ job: z.object({ result: fetchResult }) });
const departed = z.object({ url: z.url() });
const message = z.object({
  receivedAt: z.string(),
  fromName: z.string().nullable(),
  fromAddress: z.string().nullable(),
  subject: z.string(),
  snippet: z.string(),
  attachments: z.array(z.object({})),
});
type Message = z.infer<typeof message>;
const found = z.object({ messages: z.array(message) });

/** `fetch_messages`: an account is connected, its mailbox fetched, and followed. */
export const mailbox: DemoKind = {
  name: 'mailbox',
  label: 'Mailbox',
  async prepare() {
    const names = (await readdir(SAMPLES, { recursive: true })).filter((name) => name.endsWith('.eml') && !LATER.includes(name)).sort();
    const [mails, later] = await Promise.all([readMails(names), readMails(LATER)]);
    return steps(mails, later);
  },
  async report({ customer: { api } }, completed, width) {
    const [fetches, { messages }] = await Promise.all([
      Promise.all(completed.map((job) => readResult(api, job))),
      api.get(`/api/messages?limit=${SHOWN}`, found),
    ]);
    return describe(fetches, messages, width);
  },
};

function readMails(names: readonly string[]): Promise<Buffer[]> {
  return Promise.all(names.map((name) => readFile(new URL(name, SAMPLES))));
}

/** Each waits for the fetch before it. */
function steps(mails: readonly Buffer[], later: readonly Buffer[]): ((tools: DemoTools) => Promise<JobRef>)[] {
  let box: Mailbox | undefined;
  let latest: JobRef | undefined;
  const next = async ({ customer: { api } }: DemoTools, title: string, full = false): Promise<JobRef> => {
    latest = await fetchMail(api, title, full);
    return latest;
  };
  const afterLatest = async ({ customer: { api } }: DemoTools): Promise<void> => {
    if (latest) await api.follow(latest, () => undefined);
  };
  return [
    async (tools) => {
      box = tools.google.addAccount(
        EMAIL,
        mails.map((eml) => ({ eml })),
      );
      await connect(tools);
      return next(tools, FIRST);
    },
    async (tools) => {
      await afterLatest(tools);
      for (const eml of later) box?.deliver({ eml });
      return next(tools, SECOND);
    },
    async (tools) => {
      await afterLatest(tools);
      return next(tools, THIRD, true);
    },
  ];
}

/** The round trip that a user's browser makes: to the consent page, which agrees at once, and back. */
async function connect({ customer: { api } }: DemoTools): Promise<void> {
  const { url } = await api.get(`/api/connections/google/start?loginHint=${encodeURIComponent(EMAIL)}`, departed);
  const consent = await fetch(url, { redirect: 'manual' });
  const back = new URL(consent.headers.get('location') ?? url);
  // The address to come back to is of the configuration; the demo's API listens on a port that nobody knew before.
  await api.download(back.pathname + back.search, 'text/html');
}

async function fetchMail(api: DemoApi, title: string, full: boolean): Promise<JobRef> {
  const { job } = await api.post('/api/analytics/jobs', full ? { full } : {}, asked);
  return { queue: 'gmail-fetch', jobId: job.id, title };
}

interface Fetch {
  title: string;
  result: FetchResult;
}

async function readResult(api: DemoApi, { jobId, title }: EndedJob): Promise<Fetch> {
  const { job } = await api.get(`/api/analytics/jobs/${jobId}`, ended);
  return { title, result: job.result };
}

function describe(fetches: readonly Fetch[], messages: readonly Message[], width: number): Section {
  const textWidth = Math.max(10, width - OTHER_COLUMNS - FROM_WIDTH - SUBJECT_WIDTH);
  return {
    caption: `Mailbox (fetch_messages). ${EMAIL} is connected by OAuth (consent, code, PKCE), then its Gmail messages are fetched; here the newest.`,
    head: ['Received', 'From', 'Subject', 'Begins with'],
    rows: messages.map(({ receivedAt, fromName, fromAddress, subject, snippet }) => [
      receivedAt.slice(0, 10),
      shortenTo(fromName ?? fromAddress ?? '', FROM_WIDTH),
      shortenTo(subject, SUBJECT_WIDTH),
      shortenTo(snippet, textWidth),
    ]),
    notes: [...fetches.map(sentenceOf), WHERE],
    data: { fetches, messages },
  };
}

/** Letters of East Asia take two columns. */
function shortenTo(text: string, width: number): string {
  return shorten(text, /[\u2e80-\uffdc]/.test(text) ? Math.floor(width / 2) : width);
}

function sentenceOf({ title, result }: Fetch): string {
  const { mode, found: named, cached, fetched, cacheHitRate, apiUnits, apiCalls, milliseconds } = result;
  const how = mode === 'incremental' ? 'by history id, nothing listed' : 'listed in full';
  const hits = cacheHitRate === null ? '' : ` (cache hit rate ${Math.round(cacheHitRate * 100)}%)`;
  return `  ${title}, ${how}: ${named} found, ${cached} in the cache${hits}, ${fetched} read; ${apiCalls} calls, ${apiUnits} of Gmail’s 6,000 units a minute, ${seconds(milliseconds)}.`;
}

const WHERE =
  'Google is a stand-in here, a server in this process that answers as Google documents it. With GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET set, npm start connects real accounts the same way.';
