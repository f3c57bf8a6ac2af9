import { createHash } from 'node:crypto';
import type { LocalTask } from '../ai/contract.ts';
import type { ReplyAnswer } from './answers.ts';
import { labelOf } from './labels.ts';
import { detectLanguage, isLocalLanguage, primaryLanguage, UNKNOWN_LANGUAGE } from './language.ts';
import templates from './lexicons/replies.json' with { type: 'json' };
import { scoreIn, scoreWhole } from './local-sentiment.ts';
import { sentencesOf } from './sentences.ts';
import { type LocalTopic, type TopicName, topicsIn } from './topics.ts';

type Register = 'warm' | 'formal' | 'brief';
type Mood = 'positive' | 'negative' | 'mixed' | 'neutral';
type Templates = (typeof templates)['en'];
/** The `turn`-th of equally good wordings, the same for the same review. */
type Choose = (wordings: readonly string[], turn: number) => string;

/**
 * What the local provider does for `review-reply`: a reply put together from templates in English, Spanish, German or French (others get English), led
 * by the review's sentiment, topics and the tone; the sign-off is taken from the brand voice. It says nothing that is not known. Deterministic.
 */
const replyLocally = async ({
  review = '',
  tone = '',
  brandVoice = '',
  language = '',
  longest = '',
}: Readonly<Record<string, string>>): Promise<ReplyAnswer> => {
  const reviewLanguage = await detectLanguage(review);
  const words = templatesFor(wantedTag(language) ?? reviewLanguage);
  const sentences = sentencesOf(review);
  const scores = sentences.map((sentence) => scoreIn(reviewLanguage, sentence));
  const mood = labelOf(scoreWhole(reviewLanguage, sentences), scores);
  const topics = topicsIn(review, reviewLanguage);
  const write = (register: Register) => [...partsOf(words, { mood, register, topics }, chooserFor(review)), signature(brandVoice)];
  const limit = Number(longest) || Number.POSITIVE_INFINITY;
  // A short opening rather than none.
  const reply = fitted(write(registerOf(tone, brandVoice)), limit) ?? fitted(write('brief'), limit) ?? '';
  return { reply, reviewLanguage };
};

export default replyLocally satisfies LocalTask;

/** "Spanish (es)", as the prompt is given it, or a tag. */
function wantedTag(language: string): string | undefined {
  const tag = /\(([a-z-]+)\)$/iu.exec(language)?.[1] ?? language;
  return /^[a-z]{2,3}(?:-[a-z0-9]+)*$/iu.test(tag) && tag !== UNKNOWN_LANGUAGE ? tag : undefined;
}

function templatesFor(tag: string): Templates {
  const language = primaryLanguage(tag);
  return templates[isLocalLanguage(language) ? language : 'en'];
}

const BRIEF = /\b(?:brief|short|concise|crisp|terse|kurz|knapp|breve|conciso|court|bref)/iu;
const FORMAL = /\b(?:formal|professional|polite|serious|respectful|neutral|corporate|förmlich|sachlich|profesional|professionnel|formel)/iu;
const WARM = /\b(?:friendly|warm|casual|cheer|enthusias|empath|apolog|caring|playful|fun|kind|herzlich|freundlich|amable|cercano|chaleureu|amical)/iu;

/** The tone decides; where it says nothing, the brand voice does. */
function registerOf(tone: string, brandVoice: string): Register {
  for (const text of [tone, brandVoice]) {
    if (BRIEF.test(text)) return 'brief';
    if (WARM.test(text)) return 'warm';
    if (FORMAL.test(text)) return 'formal';
  }
  return 'formal';
}

/** When the reply is too long, parts are left out: the highest rank first. */
interface Part {
  place: 'greeting' | 'body' | 'signature';
  text: string;
  rank: number;
}

interface Brief {
  mood: Mood;
  register: Register;
  topics: readonly LocalTopic[];
}

const MOST_NAMED = 2;

function partsOf(words: Templates, { mood, register, topics }: Brief, pick: Choose): Part[] {
  const praised = mood === 'negative' ? [] : topics.filter(({ score }) => labelOf(score) === 'positive').slice(0, MOST_NAMED);
  const criticised =
    mood === 'positive' && register === 'brief' ? [] : topics.filter(({ score }) => labelOf(score) === 'negative').slice(0, MOST_NAMED);
  const complaint = mood === 'negative' || mood === 'mixed' || criticised.length > 0;
  const invited = complaint && (mood !== 'positive' || register !== 'brief');
  const body = (text: string, rank: number): Part => ({ place: 'body', text, rank });
  return [
    { place: 'greeting', text: pick(words.greeting[register], 0), rank: 5 },
    body(pick(words.opening[mood][register], 1), 0),
    body(sentence(pick(words.praise, 2), praised, words), 3),
    body(sentence(pick(words.criticism, 3), criticised, words), 1),
    body(invited ? pick(words.invitation, 4) : '', 2),
    body(register === 'brief' ? '' : pick(words.closing[mood], 5), 4),
  ];
}

function sentence(template: string, topics: readonly LocalTopic[], { topics: names, and }: Templates): string {
  if (topics.length === 0) return '';
  return template.replace('{topics}', topics.map(({ topic }: { topic: TopicName }) => names[topic]).join(` ${and} `));
}

function chooserFor(review: string): Choose {
  const hash = createHash('sha256').update(review).digest();
  return (wordings, turn) => wordings[(hash[turn] ?? 0) % Math.max(1, wordings.length)] ?? '';
}

const SIGN_OFF =
  /(?:sign(?:ed|s)?(?:[- ]?off)?|signature|unterschreib\w*|unterschrift|gezeichnet|firma(?:do|r)?|despedida|signez|signature|signé)\s*(?:(?:as|with|by|mit|als|como|con|par|avec)\b)?\s*:?\s*["“„«']?\s*([^"”“»\n]{2,60})/iu;

/** "Sign as The Olive Tree team": the owner's own words. */
function signature(brandVoice: string): Part {
  const text = SIGN_OFF.exec(brandVoice)?.[1]?.replace(/[\s.,;'’]+$/u, '') ?? '';
  return { place: 'signature', text, rank: 2 };
}

/** Leaves parts out, the least needed first, until the rest fits; undefined when the opening alone is too long. */
function fitted(parts: readonly Part[], longest: number): string | undefined {
  const kept = parts.filter(({ text }) => text !== '');
  const text = layOut(kept);
  if ([...text].length <= longest) return text;
  if (kept.length <= 1) return undefined;
  const highest = Math.max(...kept.map(({ rank }) => rank));
  const out = kept.findLast(({ rank }) => rank === highest);
  return fitted(
    kept.filter((part) => part !== out),
    longest,
  );
}

/** Greeting and sign-off stand on lines of their own; German goes on in lower case after its greeting, and nowhere else. */
function layOut(parts: readonly Part[]): string {
  const at = (place: Part['place']) => parts.filter((part) => part.place === place).map(({ text }) => text);
  const [greeting, body, signature] = [at('greeting').join(''), at('body').join(' '), at('signature').join('')];
  const opened = greeting === '' ? body.charAt(0).toUpperCase() + body.slice(1) : body;
  return [greeting, opened, signature].filter((part) => part !== '').join('\n\n');
}
