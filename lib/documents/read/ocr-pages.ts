/** Pages without text on their way through OCR: a few at a time, so that no more than these are held as pictures. */
import { PermanentError } from '../../errors.ts';
import { createLanes } from '../../lanes.ts';
import type { ReadOptions } from '../contract.ts';
import type { Ocr } from '../ocr/contract.ts';
import type { Draft } from './draft.ts';
import type { ReadLimits } from './limits.ts';
import type { Watch } from './watch.ts';

export interface OcrPages {
  /** Answers when it is this page's turn: the next may be drawn. */
  take(page: number, picture: Picture): Promise<void>;
  /** All pages of a file that is a picture. */
  readPicture(bytes: Uint8Array): Promise<void>;
  /** Throws what OCR throws besides what is wrong with a page. */
  finished(): Promise<void>;
}

interface Picture {
  image: Uint8Array;
  dpi?: number;
}

interface OcrPagesDeps {
  ocr: Ocr;
  draft: Draft;
  watch: Watch;
  limits: ReadLimits;
  onProgress: ReadOptions['onProgress'] | undefined;
}

const AT_A_TIME = 2;
/** Of the document's time: what has not begun by then would only end all of it. */
const TIME_SHARE = 0.75;

export function createOcrPages({ ocr, draft, watch, limits, onProgress }: OcrPagesDeps): OcrPages {
  const inLane = createLanes(AT_A_TIME);
  const running: Promise<void>[] = [];
  let done = 0;
  let leftOut = 0;

  async function recognise(page: number, { image, dpi }: Picture): Promise<void> {
    try {
      draft.recognised(page, await ocr.recognize(image, { signal: watch.signal, ...(dpi ? { dpi } : {}) }));
    } catch (error) {
      watch.signal.throwIfAborted();
      if (!(error instanceof PermanentError) || error.code === 'document_too_large') throw error;
      draft.unrecognised(page);
    }
    done += 1;
    onProgress?.(done, running.length, 'ocr');
  }

  async function take(page: number, picture: Picture): Promise<void> {
    if (running.length >= limits.ocrPages || watch.spent() > TIME_SHARE) {
      leftOut += 1;
      draft.recognised(page, undefined);
      return;
    }
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const work = inLane(() => {
      begin();
      return recognise(page, picture);
    }, watch.signal);
    // Looked at by `finished`.
    work.catch(begin);
    running.push(work);
    await begun;
  }

  return {
    take,
    async readPicture(bytes) {
      let page = 0;
      for await (const image of ocr.decodePages(bytes)) {
        watch.signal.throwIfAborted();
        page += 1;
        draft.add({ kind: 'total', pages: page });
        await take(page, { image });
      }
    },
    async finished() {
      await Promise.all(running);
      const asked = `OCR read ${running.length}, and more takes too long: split the file to have all of them read`;
      if (leftOut > 0) draft.warn(`Pages without text of their own that were left out: ${leftOut}. ${asked}`);
    },
  };
}
