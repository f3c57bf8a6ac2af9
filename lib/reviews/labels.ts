import type { SentimentLabel } from '../jobs/review-ai.ts';
import learned from './lexicons/learned.json' with { type: 'json' };

/** Where neutral ends, on the tuning half of the rated texts (`bench/sentiment-tune.ts`). */
const { low, high } = learned.thresholds;
/** A shade is no opinion: both sides of a mixed text must be plain. */
const PLAIN = 0.15;
/** A text whose sides come out this even has no verdict of its own. */
const EVEN = 0.3;

/** `low` and `high` include the neutral scores between them. */
export function labelOf(score: number, parts: readonly number[] = []): SentimentLabel {
  const bothSides = parts.some((part) => part >= PLAIN) && parts.some((part) => part <= -PLAIN);
  if (bothSides && Math.abs(score) < EVEN) return 'mixed';
  return score <= low ? 'negative' : score >= high ? 'positive' : 'neutral';
}

export function rounded(score: number): number {
  return Math.round(score * 100) / 100 || 0;
}
