/**
 * Draws maps in one thread of its own, so that whoever serves them goes on answering. The thread starts with the first picture, ends when nothing
 * was asked for a while, and never keeps the process alive.
 */
import { messageOf, UnavailableError } from '../../errors.ts';
import { fileBeside } from '../../files.ts';
import { createThreads } from '../../threads.ts';
import type { MapPicture, PngOptions } from './picture.ts';
import type { RenderTask } from './thread.ts';

export interface MapRenderer {
  /** An SVG without scripts or references to anything outside. Throws `UnavailableError`. */
  svg(picture: MapPicture): Promise<string>;
  /** The bytes of a PNG on white. Throws `UnavailableError`. */
  png(picture: MapPicture, options?: PngOptions): Promise<Uint8Array>;
  /** Ends the thread; it starts again with the next picture. */
  close(): Promise<void>;
}

/** Loading the plotting library takes most of a second; holding it takes some ten megabytes. */
const IDLE_MS = 60_000;
/** A picture takes some tenths of a second: who would wait longer than ten is told to come again. */
const MOST_WAITING = 32;

export function createMapRenderer({ idleMs = IDLE_MS }: { idleMs?: number } = {}): MapRenderer {
  const threads = createThreads({ module: fileBeside(import.meta.url, './thread.ts'), idleMs, mostWaiting: MOST_WAITING });
  const run = async (task: RenderTask): Promise<unknown> => {
    try {
      return await threads.run(task);
    } catch (error) {
      throw new UnavailableError(`the map could not be drawn: ${messageOf(error)}`, { code: 'map_not_drawn', cause: error });
    }
  };
  return {
    // The thread answers what `thread.ts` says for each kind.
    svg: (picture) => run({ kind: 'svg', picture }) as Promise<string>,
    png: (picture, options = {}) => run({ kind: 'png', picture, options }) as Promise<Uint8Array>,
    close: threads.close,
  };
}
