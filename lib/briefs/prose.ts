import type { Ai } from '../ai/contract.ts';
import { loadPrompt } from '../ai/prompts.ts';
import { HivepulseError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { checker, type Problem } from './check.ts';
import { type BriefAnswer, type BriefContent, type BriefSentence, briefAnswer, type Fact, HEADINGS, TOPICS, type Topic } from './contract.ts';

/** What a brief says, and who wrote it. */
export type Prose = Pick<BriefContent, 'headline' | 'sections' | 'dropped' | 'provider' | 'model' | 'promptVersion'>;

export interface ProseRequest {
  deal: string;
  /** For example `22 November 2026`. */
  date: string;
  facts: readonly Fact[];
  /** Ours, where the model's says what no fact says. */
  headline: BriefSentence;
  ai: Ai;
  log: Logger;
  /** Pay again although the answer is known. */
  force?: boolean | undefined;
}

const MOST_OUTPUT_TOKENS = 4_000;
/** With fewer of its sentences left, the model's prose is not worth reading. */
const LEAST_KEPT = 0.5;
/** Of one part, besides what has to be told. */
const MOST_OWN = 10;
/** The version of our own sentences and of the rules that the model's are held against. */
export const BRIEF_RULES_VERSION = 'rules 1';
/** The model gave no answer that can be used; the facts speak for themselves. */
const NO_PROSE = new Set(['invalid_answer', 'model_refused', 'model_truncated']);

/**
 * Has the configured model write the brief from the facts and keeps what they bear out. What the model left out and has to be told is added in our words; with
 * too little left, all of it is in our words. Throws what `Ai.generate` throws, but for answers that are none.
 */
export async function writeProse(request: ProseRequest): Promise<Prose> {
  const written = await askModel(request);
  if (written === undefined) return ownProse(request, 0);
  const { answer, ...origin } = written;
  const { kept, dropped, problems } = checked(answer, request.facts);
  if (dropped > 0)
    request.log.info({ event: 'brief.sentences_dropped', dropped, kept: kept.length, ...problems }, 'sentences that no fact bears out were dropped');
  if (kept.length === 0 || kept.length / (kept.length + dropped) < LEAST_KEPT) return ownProse(request, dropped);
  const headline = problems.headline === undefined && answer.headline.text !== '' ? lineOf(answer.headline) : request.headline;
  return { headline, sections: completed(kept, request.facts), dropped, ...origin };
}

async function askModel({ ai, deal, date, facts, force = false, log }: ProseRequest) {
  const prompt = await loadPrompt('daily-brief');
  const data = { deal, date, facts: factLines(facts) };
  try {
    const { value, provider, model, promptVersion } = await ai.generate(
      { prompt, schema: briefAnswer, data, maxOutputTokens: MOST_OUTPUT_TOKENS },
      { force },
    );
    return { answer: value, provider, model, promptVersion };
  } catch (error) {
    if (!(error instanceof HivepulseError) || !NO_PROSE.has(error.code)) throw error;
    log.warn({ event: 'brief.no_prose', code: error.code }, 'the model wrote no brief; the facts stand in');
    return undefined;
  }
}

/** One line each: `[f3] (risks, must) text`. */
function factLines(facts: readonly Fact[]): string {
  return facts.map(({ id, topic, must, text }) => `[${id}] (${topic}${must ? ', must' : ''}) ${text}`).join('\n');
}

interface Checked {
  kept: (BriefSentence & { topic: Topic })[];
  dropped: number;
  /** How often each rule was broken. */
  problems: Partial<Record<Problem | 'headline', number>>;
}

function checked({ headline, sections }: BriefAnswer, facts: readonly Fact[]): Checked {
  const check = checker(facts);
  const result: Checked = { kept: [], dropped: 0, problems: {} };
  const drop = (problem: Problem | 'headline') => {
    result.problems[problem] = (result.problems[problem] ?? 0) + 1;
  };
  const said = new Set<string>();
  for (const { topic, sentence } of sections.flatMap((section) => section.sentences.map((each) => ({ topic: section.topic, sentence: each })))) {
    const problem = check(sentence);
    const line = lineOf(sentence);
    if (problem !== undefined) {
      drop(problem);
      result.dropped += 1;
    } else if (!said.has(line.text)) result.kept.push({ ...line, topic });
    said.add(line.text);
  }
  // The local provider writes none.
  if (headline.text !== '' && check(headline) !== undefined) {
    drop('headline');
    result.dropped += 1;
  }
  return result;
}

const lineOf = ({ text, facts }: BriefSentence): BriefSentence => ({ text: text.replace(/\s+/gu, ' ').trim(), facts: [...new Set(facts)] });

/** The model's sentences, then in our words what has to be told and is missing, and whole parts that it passed over. */
function completed(kept: Checked['kept'], facts: readonly Fact[]): BriefContent['sections'] {
  const told = new Set(kept.flatMap((sentence) => sentence.facts));
  return sectionsOf((topic) => {
    const written = kept.filter((sentence) => sentence.topic === topic).map(({ text, facts: ids }) => ({ text, facts: ids }));
    const all = facts.filter((fact) => fact.topic === topic);
    const passedOver = !all.some(({ id }) => told.has(id));
    const missing = passedOver ? chosen(all) : all.filter(({ id, must }) => must && !told.has(id));
    return [...written, ...missing.map(ownSentence)];
  });
}

function ownProse({ facts, headline }: Pick<ProseRequest, 'facts' | 'headline'>, dropped: number): Prose {
  return { headline, sections: ownSections(facts), dropped, provider: 'local', model: 'facts', promptVersion: BRIEF_RULES_VERSION };
}

/** Facts as they are: what stands in for a model's prose, and all that the local provider writes. */
export function ownSections(facts: readonly Fact[]): BriefContent['sections'] {
  return sectionsOf((topic) => chosen(facts.filter((fact) => fact.topic === topic)).map(ownSentence));
}

const ownSentence = ({ id, text }: Pick<Fact, 'id' | 'text'>): BriefSentence => ({ text, facts: [id] });

/** In their order: all that has to be told, and of the rest the first. */
export function chosen<F extends Pick<Fact, 'must'>>(facts: readonly F[]): F[] {
  const others = new Set(facts.filter(({ must }) => !must).slice(0, MOST_OWN));
  return facts.filter((fact) => fact.must || others.has(fact));
}

function sectionsOf(sentencesOf: (topic: Topic) => BriefSentence[]): BriefContent['sections'] {
  return TOPICS.map((topic) => ({ topic, heading: HEADINGS[topic], sentences: sentencesOf(topic) })).filter(({ sentences }) => sentences.length > 0);
}
