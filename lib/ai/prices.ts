import type { Usage } from './contract.ts';
import type { Vendor } from './errors.ts';
import prices from './prices.json' with { type: 'json' };

/** Dollars per million tokens. */
interface Rates {
  input: number;
  cachedInput: number;
  /** Default: the price of input. */
  cacheWrite?: number;
  output: number;
}

interface Price extends Rates {
  /** The rates of a whole call whose input is longer than `above` tokens. */
  long?: Rates & { above: number };
}

const PRICES: Readonly<Record<Vendor, Readonly<Record<string, Price>>>> = { openai: prices.openai, anthropic: prices.anthropic };

export interface Cost {
  usd: number;
  /** False: the model is not in `prices.json`, so the vendor's most expensive known price was taken. Never silently 0. */
  known: boolean;
}

/** What a call cost, by `prices.json`. */
export function costOf(vendor: Vendor, model: string, usage: Usage): Cost {
  const price = priceOf(vendor, model);
  if (price) return { usd: multiply(price, usage), known: true };
  return { usd: Math.max(...Object.values(PRICES[vendor]).map((candidate) => multiply(candidate, usage))), known: false };
}

/** Vendors answer with a dated name (`gpt-6-luna-2026-09-22`); nothing else after a known name counts as known. */
function priceOf(vendor: Vendor, model: string): Price | undefined {
  const undated = model.replace(/-(\d{4}-\d{2}-\d{2}|\d{8}|latest)$/, '');
  return lookUp(vendor, model) ?? lookUp(vendor, undated);
}

function lookUp(vendor: Vendor, model: string): Price | undefined {
  return Object.hasOwn(PRICES[vendor], model) ? PRICES[vendor][model] : undefined;
}

function multiply(price: Price, usage: Usage): number {
  const rates = price.long && usage.inputTokens > price.long.above ? price.long : price;
  const cached = Math.min(usage.cachedInputTokens, usage.inputTokens);
  const written = Math.min(usage.cacheWriteTokens ?? 0, usage.inputTokens - cached);
  const plain = usage.inputTokens - cached - written;
  const dollars = plain * rates.input + cached * rates.cachedInput + written * (rates.cacheWrite ?? rates.input) + usage.outputTokens * rates.output;
  return dollars / 1_000_000;
}
