/** A number or letter that begins a clause, and how deep it stands: 1 for "7." or "Article VII", 2 for "7.2", 3 for "(a)", 4 for "(i)". */
const NAMED = /^(?:article|section|clause|schedule|annex|exhibit|appendix|part|chapter|§{1,2})\s*(?:\d{1,4}|[ivxlc]{1,7}|[a-z])(?:\.(\d+))*\b/iu;
const NUMBERED = /^(\d{1,3}(?:\.\d{1,3})*)(?:[.)]\s|\s+["“‘(]?\p{Lu})/u;
const DECIMAL = /^(\d{1,3}(?:\.\d{1,3})+)\s/u;
const LETTERED = /^(?:\(([a-z]{1,4}|\d{1,3})\)|([a-z]{1,4})[.)])\s/iu;
const ROMAN = /^[ivx]+$/i;

export const DEEPEST_CLAUSE = 4;
/** Longer beginnings hold no number. */
const LOOKED_AT = 80;

/** 0: no clause begins here. */
export function clauseDepth(text: string): number {
  const start = text.slice(0, LOOKED_AT);
  if (NAMED.test(start)) return 1;
  const number = DECIMAL.exec(start)?.[1] ?? NUMBERED.exec(start)?.[1];
  if (number) return Math.min(DEEPEST_CLAUSE, number.split('.').length);
  const letter = LETTERED.exec(start)
    ?.slice(1)
    .find((part) => part !== undefined);
  if (letter === undefined) return 0;
  return ROMAN.test(letter) || /^\d/.test(letter) || letter.length > 1 ? 4 : 3;
}
