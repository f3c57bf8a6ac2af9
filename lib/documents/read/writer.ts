/** Where readers put what they read: sent to the parent in parts that neither memory nor the parent's event loop notice. */
import type { ReadBlock } from '../contract.ts';
import type { Message, Tell } from './messages.ts';
import { oneLine, rowOf, tidy } from './text.ts';

export interface Writer {
  heading(page: number, level: number, text: string): Promise<void>;
  text(page: number, text: string): Promise<void>;
  /** A row; rows that follow each other are one table. */
  row(page: number, cells: readonly string[]): Promise<void>;
  title(text: string): Promise<void>;
  total(pages: number): Promise<void>;
  warn(text: string): Promise<void>;
  /** Ends a page. */
  page(page: number, how?: Pick<Extract<Message, { kind: 'page' }>, 'failed' | 'picture'>): Promise<void>;
}

/** Of one message, about. */
const PART_BLOCKS = 500;
const PART_CHARACTERS = 250_000;
/** A table of more characters goes on in a block of its own. */
const TABLE_CHARACTERS = 100_000;
const LONGEST_TITLE = 300;
const DEEPEST_HEADING = 6;

export function createWriter(tell: Tell): Writer {
  let waiting: ReadBlock[] = [];
  let characters = 0;
  let table: { page: number; rows: string[]; characters: number } | undefined;

  async function send(): Promise<void> {
    endTable();
    const blocks = waiting;
    waiting = [];
    characters = 0;
    if (blocks.length > 0) await tell({ kind: 'blocks', blocks });
  }

  function endTable(): void {
    if (!table) return;
    waiting.push({ page: table.page, kind: 'table', text: table.rows.join('\n') });
    table = undefined;
  }

  async function put(block: ReadBlock): Promise<void> {
    endTable();
    if (block.text === '') return;
    waiting.push(block);
    await count(block.text);
  }

  async function count(text: string): Promise<void> {
    characters += text.length;
    if (characters > PART_CHARACTERS || waiting.length > PART_BLOCKS) await send();
  }

  return {
    heading: (page, level, text) => put({ page, kind: 'heading', level: Math.min(DEEPEST_HEADING, Math.max(1, level)), text: oneLine(text) }),
    text: (page, text) => put({ page, kind: 'text', text: tidy(text) }),
    async row(page, cells) {
      const row = rowOf(cells);
      if (row === '') return;
      if (table && (table.page !== page || table.characters > TABLE_CHARACTERS)) endTable();
      table ??= { page, rows: [], characters: 0 };
      table.rows.push(row);
      table.characters += row.length;
      await count(row);
    },
    async title(text) {
      const title = oneLine(text).slice(0, LONGEST_TITLE);
      if (title !== '') await tell({ kind: 'title', title });
    },
    total: (pages) => tell({ kind: 'total', pages }),
    warn: (text) => tell({ kind: 'warning', text }),
    async page(page, how = {}) {
      await send();
      await tell({ kind: 'page', page, ...how });
    },
  };
}
