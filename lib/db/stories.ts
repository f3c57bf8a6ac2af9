import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { InvalidInputError } from '../errors.ts';
import { newestFirst } from './newest-first.ts';
import { answer, type Client, callJson, firstRow, parseRow } from './rest.ts';
import { integer, isUuid, jsonText, numeric, storable, storableText, timestamp } from './rows.ts';
import type { AskOptions, Claim, LocalScores, NewStory, RefinedScores, ScoringStatus, StoriesTable, Story } from './types.ts';

const claim: z.ZodType<Claim> = z.object({ claim: z.string(), verdict: z.string(), quote: z.string() });
const reason = z.object({ score: z.enum(['hype', 'ethics']), rule: z.string(), evidence: z.string(), effect: z.number() });

const localScores: z.ZodType<LocalScores> = z.object({
  hypeScore: z.number(),
  ethicsScore: z.number(),
  reasons: z.array(reason),
  version: z.string(),
});

const refinedScores: z.ZodType<RefinedScores> = z.object({
  hypeScore: z.number(),
  ethicsScore: z.number(),
  realityCheck: z.string(),
  claims: z.array(claim),
  eli5Summary: z.string(),
  eli5Grade: z.number(),
  provider: z.string(),
  model: z.string(),
  promptVersion: z.string(),
});

const STATUSES = ['local', 'queued', 'processing', 'refined', 'failed', 'cancelled'] as const satisfies readonly ScoringStatus[];
/** Of a row that was there before Hivepulse: the middle of both scales, and no reasons. */
const UNSCORED: LocalScores = { hypeScore: 5, ethicsScore: 5, reasons: [], version: 'none' };

const text = z.string().nullable();
const row = z.object({
  id: z.string(),
  user_id: text,
  title: z.string(),
  content: z.string(),
  sector_tag: text,
  // Adopted tables may keep them as one text.
  impact_tags: z.union([z.array(z.string()), z.string().transform((tags) => tags.split(',').map((tag) => tag.trim()))]).nullable(),
  hype_score: numeric.nullable(),
  ethics_score: numeric.nullable(),
  reality_check: text,
  claims: z.array(claim).nullable().catch(null),
  eli5_summary: text,
  scoring_status: z.enum(STATUSES).catch('local'),
  scoring_error: text,
  local_scores: localScores.nullable(),
  refined_scores: refinedScores.nullable(),
  refined_hash: text,
  refined_job_id: text,
  job_id: text,
  model: text,
  prompt_version: text,
  created_at: timestamp,
  updated_at: timestamp,
});

function parseStory(value: unknown): Story {
  const found = parseRow(row, value, 'stories');
  const local = found.local_scores ?? { ...UNSCORED, ...scoresOf(found) };
  return {
    id: found.id,
    userId: found.user_id,
    title: found.title,
    content: found.content,
    sectorTag: found.sector_tag,
    impactTags: found.impact_tags ?? [],
    hypeScore: found.hype_score ?? local.hypeScore,
    ethicsScore: found.ethics_score ?? local.ethicsScore,
    realityCheck: found.reality_check,
    claims: found.claims ?? [],
    eli5Summary: found.eli5_summary,
    scoringStatus: found.scoring_status,
    scoringError: found.scoring_error,
    localScores: local,
    refinedScores: found.refined_scores,
    refinedHash: found.refined_hash,
    refinedJobId: found.refined_job_id,
    jobId: found.job_id,
    model: found.model,
    promptVersion: found.prompt_version,
    createdAt: found.created_at,
    updatedAt: found.updated_at,
  };
}

function scoresOf({ hype_score, ethics_score }: z.infer<typeof row>): Partial<LocalScores> {
  return { ...(hype_score === null ? {} : { hypeScore: hype_score }), ...(ethics_score === null ? {} : { ethicsScore: ethics_score }) };
}

function toRow(story: NewStory): Record<string, unknown> {
  if (story.userId !== null && !isUuid(story.userId)) {
    throw new InvalidInputError('The owner of a story is a Supabase user: a uuid', [{ path: 'userId', message: 'not a uuid' }]);
  }
  return {
    ...(story.id ? { id: story.id } : {}),
    user_id: story.userId,
    title: storableText(story.title),
    content: storableText(story.content),
    sector_tag: story.sectorTag === null ? null : storableText(story.sectorTag),
    impact_tags: story.impactTags.map(storableText),
    hype_score: story.localScores.hypeScore,
    ethics_score: story.localScores.ethicsScore,
    local_scores: storable(story.localScores),
  };
}

const changed = z.boolean();
const asked = z.object({ outboxId: integer.nullable(), jobId: z.string() });
const unfinished = z.array(z.object({ id: z.string(), jobId: z.string() }));
const createdAndAsked = asked.extend({ story: z.unknown() });

const optionsText = ({ jobId, userId, correlationId, priority, delay, force }: AskOptions) =>
  jsonText({ jobId, userId, correlationId, priority, delay, force });

export function createStoriesTable(client: Client): StoriesTable {
  const call = async (name: string, args: Record<string, unknown>) => parseRow(changed, await answer(client.rpc(name, args)), name);

  return {
    create: async (story) => parseStory(firstRow(await answer(client.from('stories').insert(toRow(story)).select()))),

    async createAndAsk(story, options) {
      // Made here, so that repeating the call after a lost answer stores one story.
      const args = { p_story: jsonText({ id: randomUUID(), ...toRow(story) }), p_options: optionsText(options) };
      const { story: stored, ...job } = await callJson(client, 'create_story', args, createdAndAsked);
      return { story: parseStory(stored), asked: job };
    },

    async ask(id, options) {
      if (!isUuid(id)) return undefined;
      const args = { p_story: id, p_options: optionsText(options) };
      return (await callJson(client, 'ask_for_story', args, asked.nullable())) ?? undefined;
    },

    async get(id) {
      if (!isUuid(id)) return undefined;
      const found = firstRow(await answer(client.from('stories').select().eq('id', id).limit(1)));
      return found === undefined ? undefined : parseStory(found);
    },

    list: async ({ limit, cursor, scoringStatus, userId }) =>
      newestFirst(client, 'stories', { limit, cursor, where: { scoring_status: scoringStatus, user_id: userId } }, parseStory),

    unfinished: ({ before, after, limit }) =>
      callJson(client, 'unfinished_stories', { p_before: before, p_after: after ?? null, p_limit: limit }, unfinished),

    async queued(id, jobId) {
      if (isUuid(id)) await call('queue_story', { p_story: id, p_job: jobId });
    },

    async begin(id, { runId, jobId }) {
      if (!isUuid(id)) return undefined;
      const found = firstRow(await answer(client.rpc('begin_story_run', { p_story: id, p_run: runId, p_job: jobId })));
      return found === undefined ? undefined : parseStory(found);
    },

    async record(id, runId, scores, contentHash) {
      if (!isUuid(id)) return false;
      return call('record_story_scores', { p_story: id, p_run: runId, p_scores: jsonText(scores), p_hash: contentHash });
    },

    async recordUnchanged(id, runId) {
      return isUuid(id) && (await call('record_story_unchanged', { p_story: id, p_run: runId }));
    },

    async end(id, { status, error, runId }) {
      if (!isUuid(id)) return;
      await call('end_story_run', { p_story: id, p_status: status, p_error: storableText(error), p_run: runId ?? null });
    },
  };
}
