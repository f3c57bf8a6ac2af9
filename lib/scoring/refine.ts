import { z } from 'zod';
import type { Ai, Generation } from '../ai/contract.ts';
import { loadPrompt } from '../ai/prompts.ts';
import type { Claim, RefinedScores, Story } from '../db/types.ts';
import type { Logger } from '../log.ts';
import { refinementHash } from './content-hash.ts';
import { SCORING_VERSION } from './lexicons.ts';
import { readSentences } from './nlp.ts';
import { quoteFinder } from './quotes.ts';
import { readingGrade } from './reading-level.ts';

const VERDICTS = ['supported', 'attributed', 'unsupported', 'disputed', 'opinion'] as const;

const score = z.number().min(0).max(10);
/** Models send blanks where they have nothing to say; that is no answer. */
const words = z.string().refine((text) => text.trim() !== '', 'must not be empty');
const claim = z.object({ claim: words, verdict: z.enum(VERDICTS), quote: z.string() });

/** What a model answers to the prompt `story-enhancement`; limits are told to the model in words and checked here. */
export const storyJudgement = z.object({ hypeScore: score, ethicsScore: score, realityCheck: words, claims: z.array(claim), eli5Summary: words });
export type StoryJudgement = z.infer<typeof storyJudgement>;

/** What a model answers to the prompt `story-eli5`. */
export const plainerSummary = z.object({ eli5Summary: words });

export type StoryToRefine = Pick<Story, 'title' | 'content' | 'sectorTag' | 'impactTags' | 'localScores'>;

export interface RefineRequest {
  story: StoryToRefine;
  ai: Ai;
  log: Logger;
  /** Pay again although the answer is known. */
  force?: boolean | undefined;
  /** Called before each step; throws to stop. */
  onStep?: (step: RefineStep) => void;
}

export type RefineStep = 'refining' | 'checking quotes' | 'measuring reading level';

export interface Refinement {
  scores: RefinedScores;
  /** Claims whose quote is not in the story: left out of `scores.claims`. */
  droppedClaims: number;
  /** The summary was too hard at first. */
  askedAgain: boolean;
}

/** The highest Flesch-Kincaid grade of a summary: what a thirteen-year-old reads with ease. */
export const HIGHEST_GRADE = 8;
const MOST_CLAIMS = 5;
const MOST_SENTENCES_IN_CHECK = 2;
/** Characters of a story that a model is sent: about 15,000 tokens, three times the longest magazine piece. */
const LONGEST_SENT = 60_000;
/** Five claims with quotes of 40 words, twice. */
const MOST_OUTPUT_TOKENS = 3_000;

/** Hash of all that decides the outcome of `refineStory` for this story and this model: equal means there is nothing to do. */
export async function refinementHashOf(story: StoryToRefine, ai: Pick<Ai, 'provider' | 'model'>): Promise<string> {
  const prompts = await Promise.all([loadPrompt('story-enhancement'), loadPrompt('story-eli5')]);
  const versions = prompts.map(({ id, version }) => `${id} ${version}`);
  // The local provider's answers change with its rules.
  const promptVersions = ai.provider === 'local' ? [...versions, SCORING_VERSION] : versions;
  return refinementHash(story, { provider: ai.provider, model: ai.model, promptVersions });
}

/**
 * Has the configured model judge a story, keeps only claims whose quote stands in the story, and has a summary that is too hard to read
 * rewritten once. Throws what `Ai.generate` throws: `invalid_answer` when the answer does not fit twice.
 */
export async function refineStory({ story, ai, log, force = false, onStep = () => undefined }: RefineRequest): Promise<Refinement> {
  onStep('refining');
  const judged = await ai.generate(await judgementRequest(story, log), { force });
  onStep('checking quotes');
  const claims = verifiedClaims(story, judged.value.claims);
  const droppedClaims = judged.value.claims.length - claims.length;
  if (droppedClaims > 0) log.info({ event: 'story.claims_dropped', droppedClaims, kept: claims.length }, 'claims without a true quote were dropped');
  onStep('measuring reading level');
  const summary = await readableSummary(story, judged, ai, force);
  const scores = await refinedScores(judged, claims.slice(0, MOST_CLAIMS), summary);
  return { scores, droppedClaims, askedAgain: summary.askedAgain };
}

async function judgementRequest(story: StoryToRefine, log: Logger) {
  const { title, content, sectorTag, impactTags, localScores } = story;
  if (content.length > LONGEST_SENT)
    log.warn({ event: 'story.cut', characters: content.length, sent: LONGEST_SENT }, 'the story is too long to be sent whole');
  const data = {
    title,
    content: content.slice(0, LONGEST_SENT).toWellFormed(),
    sector: sectorTag ?? '',
    impactTags: impactTags.join(', '),
    localHypeScore: String(localScores.hypeScore),
    localEthicsScore: String(localScores.ethicsScore),
  };
  return { prompt: await loadPrompt('story-enhancement'), schema: storyJudgement, data, maxOutputTokens: MOST_OUTPUT_TOKENS };
}

/** Only claims whose quote stands in the title or the text, with the quote as it stands there. */
function verifiedClaims(story: Pick<Story, 'title' | 'content'>, claims: readonly Claim[]): Claim[] {
  const [inContent, inTitle] = [quoteFinder(story.content), quoteFinder(story.title)];
  return claims.flatMap((each) => {
    const quote = inContent(each.quote) ?? inTitle(each.quote);
    return quote === undefined ? [] : [{ ...each, quote }];
  });
}

interface Summary {
  text: string;
  grade: number;
  askedAgain: boolean;
}

async function readableSummary(story: StoryToRefine, judged: Generation<StoryJudgement>, ai: Ai, force: boolean): Promise<Summary> {
  const first: Summary = { ...(await graded(judged.value.eli5Summary)), askedAgain: false };
  // The local provider has already chosen its easiest sentences.
  if (first.grade <= HIGHEST_GRADE || judged.provider === 'local') return first;
  const data = { title: story.title, summary: first.text, grade: first.grade.toFixed(1), wantedGrade: String(HIGHEST_GRADE) };
  const answer = await ai.generate({ prompt: await loadPrompt('story-eli5'), schema: plainerSummary, data, maxOutputTokens: 500 }, { force });
  const second = await graded(answer.value.eli5Summary);
  return { ...(second.grade < first.grade ? second : first), askedAgain: true };
}

async function graded(summary: string): Promise<{ text: string; grade: number }> {
  const text = summary.trim();
  return { text, grade: await readingGrade(text) };
}

async function refinedScores(
  { value, provider, model, promptVersion }: Generation<StoryJudgement>,
  claims: Claim[],
  summary: Summary,
): Promise<RefinedScores> {
  return {
    hypeScore: oneDecimal(value.hypeScore),
    ethicsScore: oneDecimal(value.ethicsScore),
    realityCheck: await firstSentences(value.realityCheck, MOST_SENTENCES_IN_CHECK),
    claims,
    eli5Summary: summary.text,
    eli5Grade: summary.grade,
    provider,
    model,
    promptVersion,
  };
}

function oneDecimal(value: number): number {
  return Math.round(value * 10) / 10;
}

async function firstSentences(text: string, count: number): Promise<string> {
  const sentences = await readSentences(text);
  const last = sentences[Math.min(count, sentences.length) - 1];
  return last ? text.slice(0, last.end).trim() : text.trim();
}
