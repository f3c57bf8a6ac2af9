import type { Generation } from '../ai/contract.ts';
import { loadPrompt } from '../ai/prompts.ts';
import { PermanentError } from '../errors.ts';
import type { ReplyPayload, ReplyResult } from '../jobs/review-ai.ts';
import { type ReplyAnswer, replyAnswer } from './answers.ts';
import { originOf, type ReviewContext, stepper } from './context.ts';
import { detect, isLocalLanguage, languageName, primaryLanguage, UNKNOWN_LANGUAGE } from './language.ts';
import replyLocally from './local-reply.ts';
import { broken, type Check, characters, checkReply, longestReply, type ReplyTerms } from './rules.ts';
import { REVIEW_RULES_VERSION } from './version.ts';

const STEPS = ['reading', 'writing', 'checking', 'writing again'] as const;
const DEFAULT_TONE = 'professional';

/** A reply that has been held against its rules. */
interface Draft {
  reply: string;
  checks: Check[];
  reviewLanguage: string;
  origin: Pick<ReplyResult, 'provider' | 'model' | 'promptVersion'>;
}

interface Order {
  terms: ReplyTerms;
  tone: string;
  /** As far as the detector knows: models know better. */
  reviewLanguage: string;
}

/**
 * Writes the reply to a review and checks it against the rules of `rules.ts`. An answer that breaks one is asked for again, with the rules named. When
 * the second breaks one too, the safe local reply is taken: what is published under the business's name must be safe, a plain reply serves its
 * reader better than none, and `provider` and `rejected` say what happened. Throws `PermanentError` `reply_unsafe` when that cannot be written in the
 * language asked for, or breaks a rule itself; the credits of a failed job are given back.
 */
export async function generateReply(payload: ReplyPayload, context: ReviewContext): Promise<ReplyResult> {
  const step = stepper(context, STEPS);
  step('reading');
  const order = await orderOf(payload);
  step('writing');
  const first = await write(order, context);
  step('checking');
  if (broken(first.checks).length === 0) return finish(order, first, [], step);
  refused(first, context);
  // The local rules give the same reply again.
  if (first.origin.provider === 'local') throw unsafe(first.checks);
  step('writing again');
  const second = await write(order, context, first);
  if (broken(second.checks).length === 0) return finish(order, second, [], step);
  refused(second, context);
  return finish(order, await fallBack(order, second), namesOf([...first.checks, ...second.checks]), step);
}

async function orderOf({ review_text, brand_voice = '', tone = DEFAULT_TONE, language, max_length }: ReplyPayload): Promise<Order> {
  const detected = await detect(review_text);
  const terms = { review: review_text, brandVoice: brand_voice, language: language ?? detected.language, longest: longestReply(max_length) };
  return { terms, tone: tone.trim(), reviewLanguage: detected.language };
}

async function write({ terms, tone }: Order, { ai, meta }: ReviewContext, refusedDraft?: Draft): Promise<Draft> {
  const wanted = terms.language === UNKNOWN_LANGUAGE ? 'that of the review' : `${languageName(terms.language)} (${terms.language})`;
  const data = {
    tone,
    brandVoice: terms.brandVoice,
    language: wanted,
    longest: String(terms.longest),
    ...(refusedDraft ? { problems: problemsOf(refusedDraft.checks) } : {}),
    review: terms.review,
  };
  const request = { prompt: await loadPrompt('review-reply'), schema: replyAnswer, data, maxOutputTokens: Math.max(600, terms.longest) };
  return draftOf(await ai.generate(request, { force: meta.force === true }), terms);
}

async function draftOf(generation: Generation<ReplyAnswer>, terms: ReplyTerms): Promise<Draft> {
  const { reply, reviewLanguage } = generation.value;
  const text = reply.trim();
  const checks = await checkReply(text, generation.provider === 'local' ? { ...terms, language: localLanguage(terms.language) } : terms);
  return { reply: text, checks, reviewLanguage, origin: originOf(generation) };
}

/** The local rules say in which language they reply; they cannot be held to one they do not know. */
function localLanguage(wanted: string): string {
  const language = primaryLanguage(wanted);
  return isLocalLanguage(language) ? language : 'en';
}

async function fallBack({ terms, tone }: Order, { reviewLanguage }: Draft): Promise<Draft> {
  const known = isLocalLanguage(primaryLanguage(terms.language)) || terms.language === UNKNOWN_LANGUAGE;
  const data = { review: terms.review, tone, brandVoice: terms.brandVoice, language: terms.language, longest: String(terms.longest) };
  const { reply } = await replyLocally(data);
  const checks = await checkReply(reply, terms);
  if (!known || broken(checks).length > 0) throw unsafe(known ? checks : [{ rule: 'language', ok: false, detail: '' }]);
  return { reply, checks, reviewLanguage, origin: { provider: 'local', model: 'local', promptVersion: `rules ${REVIEW_RULES_VERSION}` } };
}

function finish({ terms, tone, reviewLanguage: detected }: Order, draft: Draft, rejected: string[], step: (step: 'done') => void): ReplyResult {
  const language = tagOr(draft.reviewLanguage, detected);
  const replyLanguage =
    draft.origin.provider === 'local' ? localLanguage(terms.language) : terms.language === UNKNOWN_LANGUAGE ? language : terms.language;
  step('done');
  const { reply, checks, origin } = draft;
  return {
    reply,
    tone,
    language,
    replyLanguage,
    characters: characters(reply),
    checks,
    rejected,
    notes: notesOf(terms, replyLanguage, draft, rejected),
    ...origin,
  };
}

function notesOf({ language }: ReplyTerms, replyLanguage: string, { origin }: Draft, rejected: readonly string[]): string[] {
  if (origin.provider !== 'local') return [];
  const templates = 'Put together from templates by word rules, without a language model: it names topics of the review, it does not understand it.';
  const why = rejected.length > 0 ? [`The model's replies broke the rules ${rejected.join(', ')} twice, so the safe local reply was taken.`] : [];
  const foreign = language !== UNKNOWN_LANGUAGE && primaryLanguage(language) !== replyLanguage;
  const other = foreign ? [`The local templates do not know ${languageName(language)}: the reply is in English.`] : [];
  return [templates, ...why, ...other];
}

/** A model's word for a language, if it is a tag at all. */
export function tagOr(tag: string, otherwise: string): string {
  return /^[a-z]{2,3}(?:-[a-z0-9]{2,8})*$/iu.test(tag) && primaryLanguage(tag) !== UNKNOWN_LANGUAGE ? tag : otherwise;
}

function problemsOf(checks: readonly Check[]): string {
  return broken(checks)
    .map(({ rule, detail }) => `${rule}: ${detail}`)
    .join('\n');
}

function namesOf(checks: readonly Check[]): string[] {
  return [...new Set(broken(checks).map(({ rule }) => rule))];
}

/** Names of rules only: details may hold words of the reply. */
function refused({ checks, origin }: Draft, { log }: ReviewContext): void {
  log.info({ event: 'review.reply_refused', rules: namesOf(checks), provider: origin.provider, model: origin.model }, 'a reply broke its rules');
}

function unsafe(checks: readonly Check[]): PermanentError {
  const rules = namesOf(checks);
  return new PermanentError(`no reply could be written that keeps to the rules: ${rules.join(', ')}`, { code: 'reply_unsafe', details: { rules } });
}
