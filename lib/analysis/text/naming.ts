import type { Ai } from '../../ai/contract.ts';
import type { Keyword, ThemeSentiment } from '../../db/conversation-types.ts';
import { PermanentError } from '../../errors.ts';
import { checkedTheme } from './naming-answer.ts';
import { type Desk, openDesk } from './naming-desk.ts';
import { type NamedTheme, type NamingRequest, namingAnswer, namingRequest } from './naming-request.ts';
import { createNames, type Names, plainName } from './unique-name.ts';

export interface ThemeToName {
  /** The most telling first. */
  keywords: readonly Keyword[];
  /** The most typical first; texts as they stand in the database. */
  representatives: readonly { responseId: string; text: string }[];
  /** Distinct answers. */
  size: number;
}

export interface ThemeName {
  /** One line, at most about 100 characters, unlike every other name, case apart. */
  name: string;
  /** One line, at most 300 characters. */
  description: string;
  sentiment: ThemeSentiment;
  /** -1 to 1; never contradicts `sentiment`. */
  sentimentScore: number;
  /** Each a substring of its answer, character for character; at least one where an answer has words. */
  quotes: { responseId: string; quote: string }[];
}

export interface NamingOptions {
  ai: Ai;
  /** Of the conversation. */
  title: string;
  themes: readonly ThemeToName[];
  /** Names that other themes of the conversation keep. */
  taken: readonly string[];
  signal?: AbortSignal | undefined;
  /** After each call. */
  onProgress?: ((named: number, total: number) => void) | undefined;
}

export interface Naming {
  /** In the order of `themes`. */
  names: ThemeName[];
  stats: {
    provider: string;
    model: string;
    promptVersion: string;
    /** Questions that were paid for; those answered from `ai_cache` are not. */
    calls: number;
    inputTokens: number;
    outputTokens: number;
    costUsd: number;
    quotesDropped: number;
  };
  /** English sentences for whoever reads the analysis. */
  notes: string[];
}

/** Themes in one call: about 6,000 tokens in and 2,000 out at most. More, and models mix them up; fewer, and they name each without the others. */
const THEMES_PER_CALL = 8;

/**
 * Has the model name themes, a few in each call. One call after the other, for each is told the names given before. What a call leaves out is
 * asked for once more, then named by the local rules, with a note. The same themes make the same calls, so that an analysis that is repeated
 * finds them in `ai_cache`. Throws what `Ai.generate` throws about the provider (limits, keys, budget); a model that gives no usable answer is no error.
 */
export async function nameThemes({ ai, title, themes, taken, signal, onProgress }: NamingOptions): Promise<Naming> {
  const names = createNames(taken);
  const desk = await openDesk(ai);
  const named: ThemeName[] = [];
  let local = 0;
  for (const group of groupsOf(themes, THEMES_PER_CALL)) {
    signal?.throwIfAborted();
    const answered = await answersFor(desk, { title, themes: group, names });
    for (const [index, theme] of group.entries()) {
      const answer = answered.get(index) ?? (await localAnswer(title, theme, names));
      if (!answered.has(index)) local += 1;
      named.push(finished(answer, theme, { names, desk }));
    }
    onProgress?.(named.length, themes.length);
  }
  return { names: named, stats: desk.stats, notes: local > 0 ? [localNote(local, themes.length)] : [] };
}

function localNote(local: number, total: number): string {
  return `The model gave no usable name for ${local} of ${total} themes; they are named by their keywords.`;
}

/** What a theme was answered with, and the answers it may quote. */
interface Answered {
  named: NamedTheme;
  answers: NamingRequest['answers'][number];
}

function finished({ named, answers }: Answered, theme: ThemeToName, { names, desk }: { names: Names; desk: Desk }): ThemeName {
  const { dropped, ...checked } = checkedTheme(named, theme, answers);
  desk.stats.quotesDropped += dropped;
  return { name: names.give(plainName(named.name), theme), ...checked };
}

interface Question {
  title: string;
  themes: readonly ThemeToName[];
  names: Names;
}

/** By place in `themes`. A call that brought nothing at all is repeated in halves: one theme may be what the model refuses, or chokes on. */
async function answersFor(desk: Desk, question: Question): Promise<Map<number, Answered>> {
  const places = [...question.themes.keys()];
  const answered = await ask(desk, question, { places, alsoTaken: [], force: false });
  const missing = places.filter((place) => !answered.has(place));
  const groups = groupsOf(missing, answered.size > 0 ? missing.length : Math.ceil(missing.length / 2));
  for (const group of groups) {
    const alsoTaken = [...answered.values()].map(({ named }) => named.name);
    // The very same question would be answered from `ai_cache`, with what was of no use.
    const again = await ask(desk, question, { places: group, alsoTaken, force: group.length === places.length });
    for (const [place, answer] of again) answered.set(place, answer);
  }
  return answered;
}

interface Part {
  /** In the themes of the question. */
  places: readonly number[];
  alsoTaken: readonly string[];
  force: boolean;
}

async function ask(desk: Desk, { title, themes, names }: Question, { places, alsoTaken, force }: Part): Promise<Map<number, Answered>> {
  const asked = places.flatMap((place) => themes[place] ?? []);
  const request = namingRequest(title, asked, [...names.all(), ...alsoTaken]);
  const answered = new Map<number, Answered>();
  for (const named of await desk.ask(request, { force })) {
    const place = places[named.theme - 1];
    const answers = request.answers[named.theme - 1];
    // A number that was not asked for, one that comes twice, a name without words: none of them names a theme.
    if (place !== undefined && answers && !answered.has(place) && plainName(named.name) !== '') answered.set(place, { named, answers });
  }
  return answered;
}

async function localAnswer(title: string, theme: ThemeToName, names: Names): Promise<Answered> {
  const { data, answers } = namingRequest(title, [theme], names.all());
  const { default: nameLocally } = await import('./local-naming.ts');
  const { themes } = namingAnswer.parse(await nameLocally(data));
  const [named] = themes;
  if (!named) throw new PermanentError('the local rules named no theme', { code: 'theme_not_named' });
  return { named, answers: answers[0] ?? [] };
}

function groupsOf<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / Math.max(1, size)) }, (_, index) => items.slice(index * size, (index + 1) * size));
}
