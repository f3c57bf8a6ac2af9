/**
 * Text recognition by Tesseract, in threads of its own. They start with the first picture, end when idle, and are ended and replaced when a picture
 * is aborted or takes too long. Everything it needs comes from npm with the package; nothing is fetched.
 */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { PermanentError } from '../../errors.ts';
import { fileBeside } from '../../files.ts';
import { createLanes } from '../../lanes.ts';
import { createThreads } from '../../threads.ts';
import { bytesOf } from './bytes.ts';
import type { Ocr } from './contract.ts';
import { checkPicture, corrupt, orientationOf } from './picture.ts';
import type { Reading } from './reading.ts';
import type { Task } from './thread.ts';
import { beginningWith, isTiff, tiffPages } from './tiff.ts';

export interface OcrOptions {
  /** Pictures at a time. More than there are processors makes each slower. Default: a thread for each processor, 2 at most. */
  workers?: number;
  /** A thread without work for so long ends, in milliseconds. Starting one takes 0.4 s, holding one about 200 MB. Default 30,000. */
  idleMs?: number;
  /** A folder of `<language>.traineddata.gz`. Default: English, of @tesseract.js-data/eng. */
  langPath?: string;
  /** Tesseract's names for the languages that are looked for, all at once. Each makes it slower. Default `['eng']`. */
  languages?: readonly string[];
  /** For one picture, from when its turn comes, in milliseconds. A page takes 3 to 6 s, a turned one twice that. Default 60,000. */
  timeLimitMs?: number;
}

const MOST_WORKERS = 2;
/** Tesseract's memory only ever grows: after a picture of more pixels it begins anew. */
const LARGE_PIXELS = 16_000_000;

export function createOcr(options: OcrOptions = {}): Ocr {
  const { workers = Math.min(MOST_WORKERS, availableParallelism()), idleMs = 30_000, timeLimitMs = 60_000 } = options;
  const engine = { dataPath: options.langPath ?? englishData(), languages: options.languages ?? ['eng'] };
  const threads = createThreads({ module: fileBeside(import.meta.url, './thread.ts'), most: workers, idleMs });
  const inLane = createLanes(workers);

  async function read(task: Task, signal: AbortSignal): Promise<Reading> {
    const limit = AbortSignal.timeout(timeLimitMs);
    try {
      const run = threads.run(task, { signal: AbortSignal.any([signal, limit]), transfer: [task.image.buffer as ArrayBuffer] });
      // Answered by thread.ts.
      const reading = (await run) as Reading | undefined;
      if (!reading) throw corrupt('The picture is damaged: it cannot be decoded');
      return reading;
    } catch (error) {
      signal.throwIfAborted();
      throw limit.aborted ? tooSlow(timeLimitMs) : error;
    }
  }

  return {
    recognize: async (image, { signal, dpi }) => {
      const pixels = checkPicture(image);
      const how = { orientation: orientationOf(image), dpi, engine, forgets: pixels > LARGE_PIXELS };
      // A copy of just these bytes, to be handed over: a view would take all it is a view of with it.
      const { paragraphs, confidence } = await inLane(() => read({ image: new Uint8Array(image), ...how }, signal), signal);
      return { text: paragraphs.join('\n\n'), blocks: paragraphs, confidence };
    },
    decodePages,
    close: threads.close,
  };
}

async function* decodePages(image: Uint8Array): AsyncIterable<Uint8Array> {
  if (!isTiff(image)) {
    checkPicture(image);
    yield image;
    return;
  }
  const pages = tiffPages(bytesOf(image));
  if (!pages) throw corrupt('The picture is damaged or cut off');
  for (const page of pages) yield beginningWith(image, page);
}

/** The data that the neural recogniser needs and no more: a quarter of the package's other set, with the same text on the pages tried. */
function englishData(): string {
  return fileURLToPath(new URL('4.0.0_best_int', import.meta.resolve('@tesseract.js-data/eng/package.json')));
}

function tooSlow(limitMs: number): PermanentError {
  return new PermanentError(`The picture's text was not recognised within ${limitMs / 1_000} s`, { code: 'document_timeout', details: { limitMs } });
}
