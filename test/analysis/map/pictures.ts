import type { MapPicture, PictureTheme } from '../../../lib/analysis/map/picture.ts';

/** Evenly spread, the same in each run. */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** `names.length` round heaps of points, the first the largest; every twentieth point is an outlier. */
export function heaps(count: number, names: readonly string[], spread = 0.15): MapPicture {
  const random = createRandom(count + names.length);
  const middles = names.map(() => ({ x: random() * 8, y: random() * 5 }));
  const x = new Float32Array(count);
  const y = new Float32Array(count);
  const theme = new Int32Array(count);
  for (let index = 0; index < count; index += 1) {
    const chosen = names.length > 0 ? Math.floor(names.length * random() ** 1.5) : -1;
    const middle = middles[chosen] ?? { x: 4, y: 2 };
    theme[index] = index % 20 === 0 ? -1 : chosen;
    x[index] = middle.x + (random() + random() - 1) * spread * 8;
    y[index] = middle.y + (random() + random() - 1) * spread * 5;
  }
  const themes = names.map((name, index): PictureTheme => {
    const size = theme.filter((found) => found === index).length;
    return { name, size, share: count === 0 ? 0 : size / count, ...(middles[index] ?? { x: 0, y: 0 }) };
  });
  return { title: 'What should our town look like?', points: { x, y, theme }, themes };
}

export const numberedNames = (count: number): string[] => Array.from({ length: count }, (_, index) => `Theme of the topic ${index + 1}`);
