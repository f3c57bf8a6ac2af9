interface Wish {
  type: string;
  quality: number;
}

/**
 * Which of `offers` (media types, the favourite first) an `Accept` header prefers; undefined when it takes none of them. Without a header the first.
 * RFC 9110, 12.5.1: the most specific range counts for a type; equal wishes go by the order of the offers.
 */
export function preferred<T extends string>(header: string | undefined, offers: readonly T[]): T | undefined {
  const wishes = parse(header ?? '*/*');
  const rated = offers.map((offer) => ({ offer, ...rate(offer, wishes) })).filter(({ quality }) => quality > 0);
  return rated.sort((a, b) => b.quality - a.quality || b.specificity - a.specificity)[0]?.offer;
}

function parse(header: string): Wish[] {
  return header.split(',').map((part) => {
    const [type = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    const quality = weight === undefined ? 1 : Number(weight.slice(2));
    return { type, quality: Number.isFinite(quality) ? quality : 1 };
  });
}

function rate(offer: string, wishes: readonly Wish[]): { quality: number; specificity: number } {
  const [group] = offer.split('/');
  for (const [index, range] of [offer, `${group}/*`, '*/*'].entries()) {
    const wish = wishes.find(({ type }) => type === range);
    if (wish) return { quality: wish.quality, specificity: 2 - index };
  }
  return { quality: 0, specificity: 0 };
}
