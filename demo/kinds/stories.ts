import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { DemoApi } from '../api.ts';
import type { DemoKind, DemoTools, EndedJob, JobRef, Section } from '../kind.ts';
import { shorten } from '../text.ts';

const samples = z.array(
  z.object({ title: z.string(), content: z.string(), sectorTag: z.string(), impactTags: z.array(z.string()), url: z.string(), date: z.string() }),
);
type Sample = z.infer<typeof samples>[number];

const created = z.object({ story: z.object({ id: z.string(), runJobId: z.string() }) });
const page = z.object({ stories: z.array(z.object({ id: z.string(), runJobId: z.string().nullable() })) });

const scores = { hypeScore: z.number(), ethicsScore: z.number() };
const claim = z.object({ claim: z.string(), verdict: z.string(), quote: z.string() });
const refined = z.object({
  ...scores,
  realityCheck: z.string(),
  eli5Summary: z.string(),
  eli5Grade: z.number(),
  claims: z.array(claim),
  provider: z.string(),
  model: z.string(),
});
const detail = z.object({ story: z.object({ id: z.string(), title: z.string(), localScores: z.object(scores), refinedScores: refined }) });
type Story = z.infer<typeof detail>['story'];

/** Characters that the table needs beside its first column. */
const OTHER_COLUMNS = 52;

/** News articles: scored by word rules when they are stored, then refined by a worker. */
export const stories: DemoKind = {
  name: 'stories',
  label: 'Stories',
  async prepare() {
    const file = new URL('../../examples/data/stories/stories.json', import.meta.url);
    const articles = samples.parse(JSON.parse(await readFile(file, 'utf8')));
    return articles.map(
      (article) =>
        ({ api }: DemoTools) =>
          ask(api, article),
    );
  },
  report: async ({ api }, completed, width) => report(await readStories(api, completed), Math.max(16, width - OTHER_COLUMNS)),
};

async function ask(api: DemoApi, { title, content, sectorTag, impactTags }: Sample): Promise<JobRef> {
  const { story } = await api.post('/api/stories', { title, content, sectorTag, impactTags }, created);
  return { queue: 'story-enhancement', jobId: story.runJobId, title };
}

/** In the order they were asked for. */
async function readStories(api: DemoApi, completed: readonly EndedJob[]): Promise<Story[]> {
  const { stories: listed } = await api.get('/api/stories?limit=100', page);
  const idOf = new Map(listed.map(({ id, runJobId }) => [runJobId, id]));
  const found = completed.flatMap(({ jobId }) => idOf.get(jobId) ?? []);
  return Promise.all(found.map(async (id) => (await api.get(`/api/stories/${id}`, detail)).story));
}

function report(found: readonly Story[], titleWidth: number): Section {
  return {
    caption:
      'Stories. Hype and ethics run from 0 to 10: by word rules when the story was stored → after the worker. Claims: how many were checked, each with a quote that stands in the story. Summary: the school grade that can read it.',
    head: ['Story', 'Hype', 'Ethics', 'Claims', 'Summary'],
    rows: found.map(({ title, localScores: local, refinedScores }) => [
      shorten(title, titleWidth),
      change(local.hypeScore, refinedScores.hypeScore),
      change(local.ethicsScore, refinedScores.ethicsScore),
      `${refinedScores.claims.length}`,
      `grade ${refinedScores.eli5Grade.toFixed(1)}`,
    ]),
    notes: found.length > 0 ? [providerNote(found), ...sampleNotes(found)] : [],
    data: { stories: found },
  };
}

function change(local: number, now: number): string {
  return `${local.toFixed(1)} → ${now.toFixed(1)}`;
}

function providerNote(found: readonly Story[]): string {
  const models = [
    ...new Set(found.map(({ refinedScores: { provider, model } }) => (provider === 'local' ? 'local' : `${provider}, model ${model}`))),
  ];
  if (models.some((model) => model !== 'local')) return `Who did it: ${models.join('; ')}.`;
  return 'Who did it: the local provider (word rules, no network), since no key is set. It finds claims, writes the check and the summary, and leaves the scores as they are. With OPENAI_API_KEY (or ANTHROPIC_API_KEY) set, the same command asks the model, which refines the scores too.';
}

/** Where a check is worth reading. */
function sampleNotes(found: readonly Story[]): string[] {
  const [story] = [...found].sort((one, other) => other.refinedScores.hypeScore - one.refinedScores.hypeScore);
  if (!story) return [];
  const { realityCheck, eli5Summary } = story.refinedScores;
  return [`The one with the most hype: “${story.title}”`, `  Reality check: ${realityCheck}`, `  In plain words: ${eli5Summary}`];
}
