import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { csvRow } from '../../lib/conversations/csv-cells.ts';
import { messageOf } from '../../lib/errors.ts';
import { type AnalysisResult, analysisResult } from '../../lib/jobs/conversation-analysis.ts';
import type { DemoApi } from '../api.ts';
import type { DemoKind, DemoTools, EndedJob, JobRef, Section } from '../kind.ts';
import { shorten, wrap } from '../text.ts';

const SAMPLE = '../../examples/data/conversations/bg2050-volunteers/comments.csv';
/** The question that was asked. */
const TITLE = 'What would you want to see in the Bowling Green of the future?';
const PICTURE = 'conversation-map.png';

const created = z.object({ conversation: z.object({ id: z.string() }) });
const imported = z.object({ added: z.number() });
const asked = z.object({ job: z.object({ id: z.string() }) });
const listed = z.object({ conversations: z.array(z.object({ id: z.string(), analysisJobId: z.string().nullable() })) });
const detail = z.object({ conversation: z.object({ analysis: analysisResult }) });
const theme = z.object({
  name: z.string(),
  description: z.string(),
  size: z.number(),
  share: z.number(),
  sentiment: z.string(),
  sentimentScore: z.number(),
  quotes: z.array(z.object({ quote: z.string() })),
});
const found = z.object({ themes: z.array(theme) });
type Theme = z.infer<typeof theme>;

/** Of all columns but the name and the quote. */
const OTHER_COLUMNS = 37;
const NAME_WIDTH = 26;
/** Characters: the first line ends before a word. */
const LOST_AT_BREAK = 10;

/** `analyze`: what hundreds of people wrote, sorted into named themes, and a map of it. */
export const conversation: DemoKind = {
  name: 'conversation',
  label: 'Conversation',
  async prepare() {
    const csv = new Uint8Array(await readFile(new URL(SAMPLE, import.meta.url)));
    return [async ({ customer, answers }) => ask(customer.api, answers === undefined ? csv : await firstRows(csv, answers))];
  },
  async report(tools, completed, width) {
    const { api } = tools.customer;
    const id = await findConversation(api, completed);
    if (id === undefined) return { caption: `${CAPTION} It could not be analysed.`, head: [], rows: [], notes: [], data: {} };
    const path = `/api/conversations/${id}`;
    const [{ conversation: read }, { themes }] = await Promise.all([api.get(path, detail), api.get(`${path}/themes`, found)]);
    const map = await saveMap(tools, `${path}/map`);
    return describe(read.analysis, themes, map, width);
  },
};

const CAPTION = `Conversation (analyze). Answers to “${TITLE}”, from a CSV file.`;

async function ask(api: DemoApi, csv: Uint8Array<ArrayBuffer>): Promise<JobRef> {
  const { conversation: stored } = await api.post('/api/conversations', { title: TITLE }, created);
  const path = `/api/conversations/${stored.id}`;
  await api.upload(`${path}/responses?column=comment-body&idColumn=comment-id`, csv, imported);
  const { job } = await api.post(`${path}/analysis`, {}, asked);
  return { queue: 'conversation-analysis', jobId: job.id, title: TITLE };
}

/** An answer may go over several lines. */
async function firstRows(csv: Uint8Array, count: number): Promise<Uint8Array<ArrayBuffer>> {
  const { parse } = await import('csv-parse/sync');
  const rows: string[][] = parse(csv, { to: count + 1 });
  return new TextEncoder().encode(rows.map(csvRow).join(''));
}

async function findConversation(api: DemoApi, completed: readonly EndedJob[]): Promise<string | undefined> {
  const { conversations } = await api.get('/api/conversations', listed);
  return conversations.find(({ analysisJobId }) => completed.some(({ jobId }) => jobId === analysisJobId))?.id;
}

interface SavedMap {
  /** Null when it could not be written. */
  path: string | null;
  note: string;
}

/** A folder that cannot be written to is no failure of the job. */
async function saveMap({ customer, outputFolder }: DemoTools, url: string): Promise<SavedMap> {
  const png = await customer.api.download(url, 'image/png');
  const path = join(outputFolder, PICTURE);
  try {
    await mkdir(outputFolder, { recursive: true });
    await writeFile(path, png);
    return { path, note: `The map: ${path}` };
  } catch (error) {
    return { path: null, note: `The map could not be written: ${messageOf(error)}. Choose a folder with -- --out FOLDER.` };
  }
}

function describe(analysis: AnalysisResult, themes: readonly Theme[], map: SavedMap, width: number): Section {
  return {
    caption: `${CAPTION} ${figuresOf(analysis)} Sentiment runs from -1 to 1; each quote stands in an answer.`,
    head: ['Theme', 'Answers', 'Share', 'Sentiment', 'One of them'],
    rows: themes.map(({ name, size, share, sentimentScore, quotes }) => [
      shorten(name, NAME_WIDTH),
      `${size}`,
      `${Math.round(share * 100)}%`,
      sentimentScore.toFixed(1),
      twoLines(quotes[0]?.quote.replace(/\s+/g, ' ') ?? '', Math.max(20, width - NAME_WIDTH - OTHER_COLUMNS)),
    ]),
    notes: [whoDidIt(analysis), ...analysis.notes, map.note],
    data: { analysis, themes, map: map.path },
  };
}

function twoLines(text: string, width: number): string {
  return wrap(shorten(text, 2 * width - LOST_AT_BREAK), width);
}

function figuresOf({ answers, duplicates, distinct, themes, outliers }: AnalysisResult): string {
  const equal = duplicates > 0 ? `, ${duplicates} of them said twice,` : '';
  return `${answers} answers${equal} make ${themes} themes; ${outliers} of ${distinct} belong to none.`;
}

function whoDidIt({ embeddings, naming }: AnalysisResult): string {
  const isLocal = embeddings.provider === 'local' && naming.provider === 'local';
  if (!isLocal)
    return `Who did it: ${embeddings.provider}, model ${embeddings.model}, for the meaning; ${naming.provider}, model ${naming.model}, for the names.`;
  return 'Who did it: the local provider (a small English model for the meaning, telling words for the names; no network), since no key is set. With OPENAI_API_KEY set, the same command asks the models, which read many languages and write names and descriptions.';
}
