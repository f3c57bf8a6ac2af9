import type { LocalTask } from '../ai/contract.ts';
import { claimsIn, isAttributed, type LocalClaim, sourcesIn } from './claims.ts';
import { concernRules, hypeRules, ruleOf } from './lexicons.ts';
import { isWord } from './nlp.ts';
import { HIGHEST_GRADE, type StoryJudgement } from './refine.ts';
import { findIn, type Passage, readStory, type StoryText } from './story-text.ts';
import { plainSummary } from './summary.ts';

/**
 * What the local provider does for the prompt `story-enhancement`: the answer a model would give, read off the story by rules.
 * It keeps the local scores, names no facts of its own and says that nothing was checked. Deterministic.
 */
const enhanceLocally: LocalTask = async (data): Promise<StoryJudgement> => {
  const { title = '', content = '' } = data;
  const story = await readStory({ title, content, sectorTag: null, impactTags: [] });
  const claims = claimsIn(story.passages);
  return {
    hypeScore: scoreOf(data.localHypeScore),
    ethicsScore: scoreOf(data.localEthicsScore),
    realityCheck: realityCheck(story, claims),
    claims,
    eli5Summary: await summaryOf(title, story),
  };
};

export default enhanceLocally;

function scoreOf(text: string | undefined): number {
  const score = Number(text);
  return text !== undefined && Number.isFinite(score) ? Math.min(10, Math.max(0, score)) : 5;
}

const MOST_NAMED = 3;

/** Two sentences: what was found in the text, and what that leaves open. */
function realityCheck(story: StoryText, claims: readonly LocalClaim[]): string {
  const sentences = story.passages.filter(({ place, tokens }) => place === 'text' && tokens.some(isWord));
  if (!story.english)
    return 'Automatic reading by word rules, without fact-checking: the rules know English only. Nothing can be said about the claims of this text.';
  if (sentences.length === 0) return 'Automatic reading by word rules, without fact-checking: the story has no text. Its title alone proves nothing.';
  return `${whatWasFound(sentences)} ${whatIsOpen(story.passages, claims)}`;
}

function whatWasFound(sentences: readonly Passage[]): string {
  const attributed = sentences.filter(isAttributed).length;
  const names = sourcesIn(sentences).slice(0, MOST_NAMED);
  const named = names.length > 0 ? ` (among them ${names.map(oneSentence).join(', ')})` : '';
  const hedged = sentences.filter(({ tokens }) => CAUTION.find(tokens).length > 0).length;
  const sources =
    attributed === 0
      ? 'no sentence names a source or study'
      : `${count(attributed, 'sentence')} of ${sentences.length} ${attributed === 1 ? 'names' : 'name'} a source or study${named}`;
  return `Automatic reading by word rules, without fact-checking: ${sources}, and ${hedged === 0 ? 'none is' : `${count(hedged, 'sentence')} ${hedged === 1 ? 'is' : 'are'}`} hedged.`;
}

const CAUTION = ruleOf(hypeRules, 'caution');
const PROMOTIONAL = ['promotional', 'superlative', 'certainty', 'urgency'].map((id) => ruleOf(hypeRules, id));

function whatIsOpen(passages: readonly Passage[], claims: readonly LocalClaim[]): string {
  const promotional = distinct(passages, PROMOTIONAL).map((words) => `"${oneSentence(words)}"`);
  const concerns = concernRules.filter((rule) => findIn(passages, rule).some(({ negated }) => !negated)).map(({ id }) => id);
  const wording = promotional.length > 0 ? `promotional wording is ${promotional.join(', ')}` : 'no promotional wording was found';
  const touched = concerns.length > 0 ? [`the subject touches on ${concerns.slice(0, MOST_NAMED).join(', ')}`] : [];
  const parts = [openClaims(claims), wording, ...touched];
  return `${parts.slice(0, -1).join('; ')}; and ${parts.at(-1)}.`;
}

function openClaims(claims: readonly LocalClaim[]): string {
  const unsupported = claims.filter(({ verdict }) => verdict === 'unsupported').length;
  if (claims.length === 0) return 'No statement stands out for checking';
  if (unsupported === 0) return 'Every statement worth checking comes with a source or as an opinion';
  return `Of the ${count(claims.length, 'statement')} most worth checking, ${unsupported} ${unsupported === 1 ? 'has' : 'have'} no source`;
}

function distinct(passages: readonly Passage[], rules: typeof PROMOTIONAL): string[] {
  const found = rules.flatMap((rule) => findIn(passages, rule)).filter(({ negated }) => !negated);
  return [...new Set(found.map(({ words }) => words.toLowerCase()))].slice(0, MOST_NAMED);
}

/** A full stop inside a name would end the sentence for a reader of sentences. */
function oneSentence(words: string): string {
  return words.replace(/[.!?\s]+/gu, ' ').trim();
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

async function summaryOf(title: string, { passages, english }: StoryText): Promise<string> {
  const sentences = english ? passages.filter(({ place }) => place === 'text') : [];
  return (await plainSummary(title, sentences, HIGHEST_GRADE)) || 'The story has no text that can be read.';
}
