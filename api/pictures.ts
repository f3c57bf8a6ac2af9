import type { MapRenderer } from '../lib/analysis/map/render.ts';

/** Some hundred kilobytes each. */
const KEPT = 16;

export interface Pictures {
  /** The picture of this key: drawn once, however many ask for it at a time, and kept until others take its place. */
  get(key: string, draw: (renderer: MapRenderer) => Promise<string | Uint8Array>): Promise<string | Uint8Array>;
}

export function createPictures(renderer: MapRenderer): Pictures {
  const kept = new Map<string, Promise<string | Uint8Array>>();

  function keep(key: string, picture: Promise<string | Uint8Array>): void {
    // The last one asked for stands last.
    kept.delete(key);
    kept.set(key, picture);
    const [oldest] = kept.keys();
    if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest);
  }

  return {
    get(key, draw) {
      const known = kept.get(key);
      const picture = known ?? draw(renderer);
      keep(key, picture);
      if (!known) picture.catch(() => kept.get(key) === picture && kept.delete(key));
      return picture;
    },
  };
}
