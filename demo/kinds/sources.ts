import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { parseEmail } from '../../lib/emails/parse.ts';
import type { DemoApi } from '../api.ts';
import type { DemoKind, DemoTools, EndedJob, JobRef, Section } from '../kind.ts';
import type { MicrosoftMail } from '../stand-ins/microsoft/contract.ts';
import { shorten } from '../text.ts';

const SAMPLES = new URL('../../examples/data/', import.meta.url);
const EMAIL = 'sofia@example.com';
/** In the folder from the first; the other one comes when it has been synced. */
const FILES = ['apple-notes.rtf', 'monthly-numbers.xlsx', 'news-report.docx'];
const GOES = 'apple-notes.rtf';
const COMES = 'slides.pptx';
const LOOK_EVERY_MS = 250;
const LINE_LENGTH = 180;

const withId = z.object({ id: z.string() });
const departed = z.object({ url: z.url() });
const createdDeal = z.object({ deal: withId });
const createdSource = z.object({ source: withId, jobId: z.string() });
const asked = z.object({ jobId: z.string() });
const sync = z.object({
  jobId: z.string().nullable(),
  mode: z.string(),
  listed: z.number(),
  unchanged: z.number(),
  created: z.number(),
  changed: z.number(),
  deleted: z.number(),
  calls: z.number(),
});
type Sync = z.infer<typeof sync>;
const history = z.object({ syncs: z.array(sync) });
const document = z.object({ name: z.string(), status: z.string(), summary: z.string().nullable() });
const documentPage = z.object({ documents: z.array(document) });
const email = z.object({ subject: z.string().nullable(), sentiment: z.string().nullable() });
const emailPage = z.object({ emails: z.array(email) });
const briefPage = z.object({ briefs: z.array(z.object({ date: z.string() })) });
const detail = z.object({ deals: z.array(withId.extend({ name: z.string() })) });
const sourcePage = z.object({ sources: z.array(withId) });

const DEAL = 'Project Quay';

/** What one run of the demo knows of its deal. */
interface Room {
  dealId: string;
  sources: { drive: string; mailbox: string };
  /** What happens at Google and at Microsoft after the first syncs. */
  later: (() => void)[];
  asked: JobRef[];
}

/** `sync`: a folder of Google Drive and a mailbox of Outlook fill a deal, are followed, and are told of in a brief. */
export const sources: DemoKind = {
  name: 'sources',
  label: 'Sources',
  async prepare() {
    const [files, mails] = await Promise.all([readFiles(), readMails()]);
    const room: Room = { dealId: '', sources: { drive: '', mailbox: '' }, later: [], asked: [] };
    const steps: ((tools: DemoTools) => Promise<JobRef>)[] = [
      async (tools) => {
        const { api } = tools.customer;
        room.dealId = (await api.post('/api/deals', { name: DEAL, timeZone: 'Europe/London' }, createdDeal)).deal.id;
        const folderId = fillDrive(tools, files, room);
        await connect(api, 'google', 'files');
        return addSource(api, room, 'drive', { type: 'gdrive', settings: { folderId } }, 'a folder of Google Drive');
      },
      async (tools) => {
        fillMailbox(tools, mails, room);
        await connect(tools.customer.api, 'microsoft', 'mail');
        return addSource(tools.customer.api, room, 'mailbox', { type: 'outlook' }, 'a mailbox of Outlook');
      },
      async ({ customer: { api } }) => {
        await settled(api, room, FILES.length);
        for (const happens of room.later) happens();
        return syncNow(api, room, 'drive', 'the folder again: a file came, one went');
      },
      async ({ customer: { api } }) => syncNow(api, room, 'mailbox', 'the mailbox again: a mail came'),
      async ({ customer: { api } }) => {
        await settled(api, room, FILES.length);
        const jobs = await api.triggerBriefs(room.dealId);
        return { queue: 'daily-brief', jobId: jobs[0] ?? '', title: 'generate the brief' };
      },
    ];
    return steps.map((ask) => async (tools: DemoTools) => {
      const job = await ask(tools);
      room.asked.push(job);
      return job;
    });
  },
  report: ({ customer: { api } }, completed, width) => report(api, completed, width),
};

async function readFiles(): Promise<Map<string, Uint8Array>> {
  const read = async (name: string): Promise<[string, Uint8Array]> => [name, await readFile(new URL(`documents/${name}`, SAMPLES))];
  return new Map(await Promise.all([...FILES, COMES].map(read)));
}

/** A thread, oldest first. */
async function readMails(): Promise<MicrosoftMail[]> {
  const folder = new URL('emails/thread/', SAMPLES);
  const names = (await readdir(folder)).filter((name) => name.endsWith('.eml')).sort();
  return Promise.all(
    names.map(async (name) => {
      const { messageId, inReplyTo, threadId, fromName, fromAddress, recipients, subject, sentAt, text } = await parseEmail(
        await readFile(new URL(name, folder)),
      );
      return {
        subject: subject ?? '',
        body: text,
        from: { name: fromName ?? '', address: fromAddress ?? '' },
        to: recipients.map((person) => ({ name: person.name ?? '', address: person.address })),
        ...(messageId ? { internetMessageId: `<${messageId}>` } : {}),
        ...(threadId ? { conversationId: threadId } : {}),
        ...(sentAt ? { sentAt } : {}),
        headers: inReplyTo ? [{ name: 'In-Reply-To', value: `<${inReplyTo}>` }] : [],
      };
    }),
  );
}

/** The folder's id. */
function fillDrive({ google }: DemoTools, files: ReadonlyMap<string, Uint8Array>, room: Room): string {
  google.addAccount(EMAIL);
  const drive = google.drive(EMAIL);
  const folderId = drive.addFolder(DEAL);
  const add = (name: string): string => drive.addFile({ name, content: files.get(name) ?? '', parentId: folderId });
  const ids = new Map(FILES.map((name) => [name, add(name)]));
  drive.addFile({ name: 'holiday.txt', content: 'Outside of the folder, and so none of the deal’s business.' });
  room.later.push(() => {
    add(COMES);
    drive.trash(ids.get(GOES) ?? '');
  });
  return folderId;
}

function fillMailbox({ microsoft }: DemoTools, mails: readonly MicrosoftMail[], room: Room): void {
  const { mailbox } = microsoft.addAccount(EMAIL);
  for (const mail of mails.slice(0, -1)) mailbox.addMail(mail);
  room.later.push(() => {
    for (const mail of mails.slice(-1)) mailbox.addMail(mail);
  });
}

/** The round trip that a user's browser makes: to the consent page, which agrees at once, and back. */
async function connect(api: DemoApi, provider: string, access: string): Promise<void> {
  const query = new URLSearchParams({ loginHint: EMAIL, access });
  const { url } = await api.get(`/api/connections/${provider}/start?${query}`, departed);
  const consent = await fetch(url, { redirect: 'manual' });
  const back = new URL(consent.headers.get('location') ?? url);
  // The address to come back to is of the configuration; the demo's API listens on a port that nobody knew before.
  await api.download(back.pathname + back.search, 'text/html');
}

async function addSource(api: DemoApi, room: Room, which: keyof Room['sources'], body: object, title: string): Promise<JobRef> {
  // The demo's customer has connected a mailbox of Google's, too.
  const connectionId = await connectionOf(api, 'type' in body && body.type === 'gdrive' ? 'google' : 'microsoft');
  const { source, jobId } = await api.post(`/api/deals/${room.dealId}/sources`, { ...body, connectionId }, createdSource);
  room.sources[which] = source.id;
  return { queue: 'source-sync', jobId, title };
}

const connections = z.object({ connections: z.array(withId.extend({ provider: z.string(), email: z.string() })) });

async function connectionOf(api: DemoApi, provider: string): Promise<string | undefined> {
  const found = (await api.get('/api/connections', connections)).connections;
  return found.find((one) => one.provider === provider && one.email === EMAIL)?.id;
}

async function syncNow(api: DemoApi, room: Room, which: keyof Room['sources'], title: string): Promise<JobRef> {
  const { jobId } = await api.post(`/api/deals/${room.dealId}/sources/${room.sources[which]}/sync`, {}, asked);
  return { queue: 'source-sync', jobId, title };
}

/** The syncs that were asked for have ended, and what they brought has been read and judged. */
async function settled(api: DemoApi, room: Room, files: number): Promise<void> {
  const ended = await Promise.all(room.asked.map((job) => api.follow(job, () => undefined)));
  for (const ending of ended) if (ending.state !== 'completed') throw new Error(`A sync has ${ending.state}: ${ending.error}`);
  for (;;) {
    const [{ documents }, { emails }] = await Promise.all([
      api.get(`/api/documents?limit=100&dealId=${room.dealId}`, documentPage),
      api.get(`/api/emails?limit=100&dealId=${room.dealId}`, emailPage),
    ]);
    const isRead = documents.length >= files && documents.every(({ status }) => ['ready', 'partial', 'failed'].includes(status));
    if (isRead && emails.every(({ sentiment }) => sentiment !== null)) return;
    await pause(LOOK_EVERY_MS);
  }
}

async function report(api: DemoApi, completed: readonly EndedJob[], width: number): Promise<Section> {
  const { deals } = await api.get('/api/deals?limit=100', detail);
  const path = `/api/deals/${deals.find(({ name }) => name === DEAL)?.id}`;
  const deal = path.slice(path.lastIndexOf('/') + 1);
  const { sources: found } = await api.get(`${path}/sources`, sourcePage);
  const [syncs, { documents }, { emails }, { briefs }] = await Promise.all([
    Promise.all(found.map(({ id }) => api.get(`${path}/sources/${id}/syncs`, history))).then((pages) => pages.flatMap((page) => page.syncs)),
    api.get(`/api/documents?limit=100&dealId=${deal}`, documentPage),
    api.get(`/api/emails?limit=100&dealId=${deal}`, emailPage),
    api.get(`${path}/briefs`, briefPage),
  ]);
  const text = briefs[0] ? new TextDecoder().decode(await api.download(`${path}/briefs/${briefs[0].date}`, 'text/markdown')) : '';
  const rows = completed.flatMap(({ jobId, title }) => {
    const one = syncs.find((candidate) => candidate.jobId === jobId);
    return one ? [rowOf(title, one)] : [];
  });
  return {
    caption: `Sources (sync). A deal fills itself: ${EMAIL} connects Google (files) and Microsoft (mail), whose servers are played here; what changes there is followed.`,
    head: ['Sync', 'How', 'Named', 'New', 'Gone', 'Calls'],
    rows,
    notes: [
      `Documents: ${documents.map(({ name, status }) => `${name} (${status})`).join(', ')}. E-mails: ${emails.length}.`,
      'The brief:',
      ...text.split(/\n{2,}/).map((part) => indent(part, width)),
    ],
    data: { syncs, documents, emails, brief: text },
  };
}

const rowOf = (title: string, { mode, listed, created, deleted, calls }: Sync): string[] => [
  title,
  mode,
  `${listed}`,
  `${created}`,
  `${deleted}`,
  `${calls}`,
];

const indent = (text: string, width: number): string =>
  text
    .split('\n')
    .map((line) => `  ${shorten(line, Math.max(width, LINE_LENGTH))}`)
    .join('\n');
