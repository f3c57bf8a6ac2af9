import { setImmediate as nextTurn } from 'node:timers/promises';
import { PermanentError } from '../errors.ts';
import type { EmbeddingLimits } from './contract.ts';
import { estimateTokens } from './tokens.ts';

/** One distinct text of a list. */
export interface PlannedText {
  text: string;
  tokens: number;
  /** Everywhere it stands in the list, in order. */
  places: number[];
}

/** Texts counted without letting the event loop have its turn: a few milliseconds for ordinary answers. */
const COUNTED_AT_ONCE = 1_000;

/**
 * Splits texts into as few requests as number and tokens allow, and those into nearly equal ones, so that none keeps the others waiting.
 * Equal texts are asked for once. Rejects with `PermanentError` `empty_text` or `text_too_long`, naming the place of the text, never its words.
 */
export async function planEmbeddings(texts: readonly string[], limits: EmbeddingLimits): Promise<PlannedText[][]> {
  const distinct = await distinctTexts(texts, limits);
  const fits = (batch: readonly PlannedText[]) => batch.length <= limits.inputs && tokensOf(batch) <= limits.tokensPerRequest;
  let count = Math.max(Math.ceil(distinct.length / limits.inputs), Math.ceil(tokensOf(distinct) / limits.tokensPerRequest));
  let batches = deal(distinct, count);
  // One text a request always fits: the search ends there.
  while (!batches.every(fits) && count < distinct.length) {
    count += 1;
    batches = deal(distinct, count);
  }
  return batches;
}

export function tokensOf(batch: readonly PlannedText[]): number {
  return batch.reduce((sum, { tokens }) => sum + tokens, 0);
}

async function distinctTexts(texts: readonly string[], { tokensPerInput }: EmbeddingLimits): Promise<PlannedText[]> {
  const found = new Map<string, PlannedText>();
  for (const [place, text] of texts.entries()) {
    const known = found.get(text);
    if (known) known.places.push(place);
    else found.set(text, { text, tokens: countedTokens(text, place, tokensPerInput), places: [place] });
    if (place % COUNTED_AT_ONCE === COUNTED_AT_ONCE - 1) await nextTurn();
  }
  return [...found.values()];
}

function countedTokens(text: string, index: number, limit: number): number {
  if (text.trim() === '') throw new PermanentError(`text ${index} is empty: nothing can be embedded`, { code: 'empty_text', details: { index } });
  const tokens = estimateTokens(text);
  if (tokens <= limit) return tokens;
  const message = `text ${index} has about ${tokens} tokens and the embedding model takes ${limit}: split it first`;
  throw new PermanentError(message, { code: 'text_too_long', details: { index, tokens, limit } });
}

/** The longest first, to and fro over the batches, as cards are dealt: equal in number, and nearly so in tokens. Each batch keeps the order of the list. */
function deal(texts: readonly PlannedText[], count: number): PlannedText[][] {
  const batches = Array.from({ length: count }, (): PlannedText[] => []);
  const longestFirst = texts.toSorted((one, other) => other.tokens - one.tokens);
  longestFirst.forEach((text, dealt) => {
    const round = Math.floor(dealt / count);
    const seat = dealt % count;
    batches[round % 2 === 0 ? seat : count - 1 - seat]?.push(text);
  });
  return batches.map((batch) => batch.toSorted((one, other) => firstPlace(one) - firstPlace(other)));
}

const firstPlace = ({ places }: PlannedText): number => places[0] ?? 0;
