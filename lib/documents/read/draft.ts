/** A document as it comes together, from the messages of one thread after another and from OCR. */
import { PermanentError } from '../../errors.ts';
import type { DocumentFormat, ReadBlock, ReadDocument, ReadPage } from '../contract.ts';
import type { RecognizedPage } from '../ocr/contract.ts';
import { corrupt, noText, tooLarge, tooManyPages } from './failures.ts';
import type { ReadLimits } from './limits.ts';
import type { Message } from './messages.ts';
import { tidy } from './text.ts';

export interface Draft {
  format: DocumentFormat | undefined;
  total: number;
  /** Pages that have ended. */
  readonly done: number;
  /** Throws where a limit is passed. A picture is left to the caller. */
  add(message: Message): void;
  /** What OCR found on a page; without a result it keeps what text it has. */
  recognised(page: number, found: RecognizedPage | undefined): void;
  /** It could not be read: what text it has is lost with it. */
  failed(page: number): void;
  /** OCR failed: it keeps what text it has. */
  unrecognised(page: number): void;
  warn(text: string): void;
  /** Throws when there is nothing to read in all of it. */
  finish(): ReadDocument;
}

const MOST_WARNINGS = 50;

export function createDraft(limits: ReadLimits): Draft {
  const pages = new Map<number, ReadPage>();
  const blocks = new Map<number, ReadBlock[]>();
  const warnings = new Set<string>();
  let title: string | null = null;
  let characters = 0;

  function put(added: readonly ReadBlock[]): void {
    for (const block of added) {
      characters += block.text.length;
      const page = blocks.get(block.page);
      if (page) page.push(block);
      else blocks.set(block.page, [block]);
    }
    if (characters > limits.characters) throw tooLarge(`more than ${limits.characters.toLocaleString('en')} characters of text`);
  }

  const lengthOf = (page: number): number => (blocks.get(page) ?? []).reduce((sum, { text }) => sum + text.length, 0);

  function end(page: number): void {
    const length = lengthOf(page);
    pages.set(page, { page, state: length > 0 ? 'text' : 'empty', characters: length });
  }

  function limit(count: number): void {
    if (count > limits.pages) throw tooManyPages(count, limits.pages);
    draft.total = count;
  }

  const draft: Draft = {
    format: undefined,
    total: 0,
    get done() {
      return pages.size;
    },
    add(message) {
      if (message.kind === 'format') draft.format = message.format;
      if (message.kind === 'title') title = message.title;
      if (message.kind === 'total') limit(message.pages);
      if (message.kind === 'warning') draft.warn(message.text);
      if (message.kind === 'blocks') put(message.blocks);
      if (message.kind === 'page') message.failed ? draft.failed(message.page) : end(message.page);
    },
    recognised(page, found) {
      const texts = (found?.blocks ?? []).map(tidy).filter((text) => text !== '');
      const length = texts.reduce((sum, text) => sum + text.length, 0);
      if (found === undefined || length <= lengthOf(page)) return end(page);
      blocks.delete(page);
      put(texts.map((text) => ({ page, kind: 'text', text })));
      pages.set(page, { page, state: 'ocr', characters: length, confidence: found.confidence });
    },
    failed(page) {
      blocks.delete(page);
      pages.set(page, { page, state: 'failed', characters: 0 });
      draft.warn(`Page ${page} cannot be read`);
    },
    unrecognised(page) {
      if (lengthOf(page) > 0) end(page);
      else draft.failed(page);
    },
    warn(text) {
      if (warnings.size < MOST_WARNINGS) warnings.add(text);
    },
    finish() {
      if (!draft.format) throw new PermanentError('The thread said nothing of the file', { code: 'document_corrupt' });
      const inOrder = [...pages.values()].sort((one, other) => one.page - other.page);
      if (inOrder.every(({ characters: length }) => length === 0))
        throw inOrder.some(({ state }) => state === 'failed') ? corrupt('none of its pages can be read') : noText([...warnings]);
      return { format: draft.format, title, pages: inOrder, blocks: inOrder.flatMap(({ page }) => blocks.get(page) ?? []), warnings: [...warnings] };
    },
  };
  return draft;
}
