/** The `fields` parameter: what is not asked for is not answered. */

type Mask = Map<string, Mask | undefined>;

/** `fallback` where none is given; `*` is all. */
export function pick(value: Readonly<Record<string, unknown>>, fields: string | null, fallback: string): Record<string, unknown> {
  return apply(value, parse(fields ?? fallback));
}

function parse(fields: string): Mask {
  const words = fields.match(/[A-Za-z0-9*]+|[(),/]/g) ?? [];
  let at = 0;
  const list = (): Mask => {
    const mask: Mask = new Map();
    while (at < words.length && words[at] !== ')') {
      const [name, below] = entry();
      mask.set(name, below);
      if (words[at] === ',') at += 1;
    }
    return mask;
  };
  function entry(): [string, Mask | undefined] {
    const name = words[at++] ?? '';
    if (words[at] === '/') {
      at += 1;
      return [name, new Map([entry()])];
    }
    if (words[at] !== '(') return [name, undefined];
    at += 1;
    const below = list();
    at += 1;
    return [name, below];
  }
  return list();
}

function apply(value: Readonly<Record<string, unknown>>, mask: Mask): Record<string, unknown> {
  if (mask.has('*')) return { ...value };
  return Object.fromEntries(Object.entries(value).flatMap(([name, inner]) => (mask.has(name) ? [[name, within(inner, mask.get(name))]] : [])));
}

function within(value: unknown, mask: Mask | undefined): unknown {
  if (!mask) return value;
  if (Array.isArray(value)) return value.map((one) => within(one, mask));
  return typeof value === 'object' && value !== null ? apply(Object.fromEntries(Object.entries(value)), mask) : value;
}
