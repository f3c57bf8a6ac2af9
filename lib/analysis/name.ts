import { randomUUID } from 'node:crypto';
import type { NewTheme, Theme } from '../db/conversation-types.ts';
import type { AnalysisResult } from '../jobs/conversation-analysis.ts';
import { type AnalyseContext, rounded } from './analyse.ts';
import type { Placed } from './place.ts';
import type { Read } from './read.ts';
import { counted } from './steps.ts';
import { matchThemes } from './text/match.ts';
import { nameThemes as askForNames, type ThemeToName } from './text/naming.ts';
import { ownQuote } from './text/naming-answer.ts';

const KEYWORDS = 10;

interface ToName {
  read: Read;
  placed: Placed;
  /** Themes that were there before are named anew, unless a user named them. */
  renameThemes: boolean;
}

interface Named {
  themes: NewTheme[];
  naming: AnalysisResult['naming'];
  notes: string[];
}

/** Themes as they will be stored. Those of the analysis before keep their id and their name; the others are named by the model. */
export async function nameThemes({ read, placed, renameThemes }: ToName, { deps, ai, signal, steps }: AnalyseContext): Promise<Named> {
  steps.begin('naming');
  const { distinct, themes: before } = read;
  const { k, labels } = placed;
  const texts = distinct.map(({ cleaned }) => cleaned);
  const keywords = k > 0 ? await deps.compute.run('keywords', { texts, labels, k, perTheme: KEYWORDS }, { signal }) : [];
  const matched = matchThemes({ previous: distinct.map(({ previousThemeId }) => previousThemeId), labels, k, themes: before });
  const kept = matched.map((theme) => (theme && (!renameThemes || theme.renamedAt !== null) ? theme : undefined));
  const sizes = sizesOf(read, placed);
  const parts = sizes.map((size, position) => ({ ...size, keywords: keywords[position] ?? [], representatives: spokenFor(read, placed, position) }));
  const asked = parts.filter((_, position) => !kept[position]);
  const { names, stats, notes } = await askForNames({
    ai,
    title: read.conversation.title,
    themes: asked,
    taken: kept.flatMap((theme) => (theme ? [theme.name] : [])),
    signal,
    onProgress: (done, total) => steps.report('naming', total > 0 ? done / total : 1, counted('naming', done, total)),
  });
  const named = new Map(asked.map((part, index) => [part.position, names[index]]));
  const themes = parts.map((part, position): NewTheme => {
    const old = kept[position];
    const name = old ? nameOf(old, part, inTheme(read, placed, position)) : named.get(position);
    if (!name) throw new Error(`Theme ${position} has no name`);
    return { id: matched[position]?.id ?? randomUUID(), ...part, ...name, stability: placed.themeStability[position] ?? null };
  });
  return { themes, naming: { ...stats, kept: kept.filter((theme) => theme !== undefined).length }, notes };
}

interface Sizes {
  position: number;
  size: number;
  responses: number;
  share: number;
  x: number;
  y: number;
}

function sizesOf({ distinct }: Read, { k, labels, map }: Placed): Sizes[] {
  const members = Array.from({ length: k }, (): number[] => []);
  labels.forEach((label, index) => {
    members[label]?.push(index);
  });
  return members.map((indices, position) => ({
    position,
    size: indices.length,
    responses: indices.reduce((sum, index) => sum + (distinct[index]?.count ?? 0), 0),
    share: indices.length / distinct.length,
    // The middle one, not the mean: a theme may have an arm.
    x: middle(indices.map((index) => map[2 * index] ?? 0)),
    y: middle(indices.map((index) => map[2 * index + 1] ?? 0)),
  }));
}

function middle(values: number[]): number {
  const sorted = values.sort((one, other) => one - other);
  return rounded(sorted[Math.floor(sorted.length / 2)]);
}

function spokenFor({ distinct }: Read, { representatives }: Placed, position: number): { responseId: string; text: string }[] {
  return (representatives[position] ?? []).flatMap((index) => {
    const answer = distinct[index];
    return answer ? [{ responseId: answer.id, text: answer.text }] : [];
  });
}

/** Texts of a theme's answers by id. */
function inTheme({ distinct }: Read, { labels }: Placed, position: number): Map<string, string> {
  return new Map(distinct.flatMap(({ id, text }, index) => (labels[index] === position ? [[id, text]] : [])));
}

type Name = Pick<NewTheme, 'name' | 'description' | 'sentiment' | 'sentimentScore' | 'quotes'>;

/** The old name; its quotes as long as their answers say so and belong to the theme. */
function nameOf({ name, description, sentiment, sentimentScore, quotes }: Theme, part: ThemeToName, texts: Map<string, string>): Name {
  const still = quotes.filter(({ responseId, quote }) => texts.get(responseId)?.includes(quote));
  return { name, description, sentiment, sentimentScore, quotes: still.length > 0 ? still : ownQuote(part) };
}
