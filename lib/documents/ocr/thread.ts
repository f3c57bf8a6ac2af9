import { createEngine, type Engine, type EngineOptions } from './engine.ts';
import { type HowToRead, type Reading, readPicture } from './reading.ts';

export interface Task extends HowToRead {
  image: Uint8Array;
  engine: EngineOptions;
  /** A large picture: the memory taken for it is given back. */
  forgets: boolean;
}

let running: Engine | undefined;

/** Undefined: the picture cannot be read. Rejects when Tesseract itself does not start, which is no fault of the picture's. */
export default async function recognize({ image, engine, forgets, ...how }: Task): Promise<Reading | undefined> {
  // Twice, since an earlier picture may have left the engine broken.
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    running ??= await createEngine(engine);
    try {
      const reading = readPicture(running, image, how);
      if (forgets) running = undefined;
      return reading;
    } catch {
      // What WebAssembly throws leaves its memory as it was in the middle of something.
      running = undefined;
    }
  }
  return undefined;
}
