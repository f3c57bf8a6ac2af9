/** All answers with what the analysis made of them, as text that is written page by page. */
import type { Answer, Theme } from '../db/conversation-types.ts';
import { csvRow, harmless } from './csv-cells.ts';
import { jsonPages } from './json-pages.ts';
import type { Snapshot } from './snapshot.ts';

/** `not_analysed`: empty, or newer than the analysis. */
export type Standing = 'theme' | 'outlier' | 'not_analysed';

const HEADER = ['id', 'externalId', 'text', 'theme', 'themeId', 'standing', 'x', 'y', 'duplicateOf'];
/** Excel takes a file without it for the system's old code page. */
const BOM = '\uFEFF';

export async function* csvExport({ themes }: Snapshot, pages: AsyncIterable<Answer[]>, { bom }: { bom: boolean }): AsyncGenerator<string> {
  const names = namesOf(themes);
  let head = `${bom ? BOM : ''}${csvRow(HEADER)}`;
  for await (const page of pages) {
    yield head + page.map((answer) => csvLine(answer, names)).join('');
    head = '';
  }
}

function csvLine(answer: Answer, names: ReadonlyMap<string, string>): string {
  const { id, externalId, text, themeId, x, y, duplicateOf } = answer;
  const name = nameOf(answer, names);
  return csvRow([id, externalId && harmless(externalId), harmless(text), name && harmless(name), themeId, standingOf(answer), x, y, duplicateOf]);
}

/** `{ success, data: { conversation, themes, answers } }` */
export function jsonExport({ conversation, themes }: Snapshot, pages: AsyncIterable<Answer[]>): AsyncGenerator<string> {
  const names = namesOf(themes);
  return jsonPages({ conversation, themes }, 'answers', pages, (answer) => exported(answer, names));
}

function exported(answer: Answer, names: ReadonlyMap<string, string>) {
  const { id, externalId, text, themeId, x, y, duplicateOf } = answer;
  return { id, externalId, text, theme: nameOf(answer, names), themeId, standing: standingOf(answer), x, y, duplicateOf };
}

function namesOf(themes: readonly Theme[]): Map<string, string> {
  return new Map(themes.map(({ id, name }) => [id, name]));
}

function nameOf({ themeId }: Answer, names: ReadonlyMap<string, string>): string | null {
  return themeId === null ? null : (names.get(themeId) ?? null);
}

function standingOf({ themeId, cluster }: Answer): Standing {
  if (themeId !== null) return 'theme';
  return cluster === null ? 'not_analysed' : 'outlier';
}
