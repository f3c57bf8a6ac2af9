import { jsonText } from './rows.ts';

/** JSON lists of items, each list of `bytes` at most; an item that is longer by itself is sent alone. */
export function* jsonPages(items: readonly unknown[], bytes: number): Generator<string> {
  let page: string[] = [];
  let held = 0;
  for (const item of items) {
    const part = jsonText(item);
    const size = Buffer.byteLength(part);
    if (page.length > 0 && held + size > bytes) {
      yield `[${page}]`;
      page = [];
      held = 0;
    }
    page.push(part);
    held += size;
  }
  if (page.length > 0) yield `[${page}]`;
}
