/** `{ success, data: { …head, [name]: [ … ] } }` as text that is written page by page; `name` comes last. */
export async function* jsonPages<T>(
  head: object,
  name: string,
  pages: AsyncIterable<readonly T[]>,
  render: (row: T) => unknown,
): AsyncGenerator<string> {
  // Goes out with the first rows: as long as nothing is sent, a failure can still be answered properly.
  let before = `{"success":true,"data":${JSON.stringify({ ...head, [name]: [] }).slice(0, -2)}`;
  for await (const page of pages) {
    if (page.length === 0) continue;
    yield before + page.map((row) => JSON.stringify(render(row))).join(',');
    before = ',';
  }
  yield `${before === ',' ? '' : before}]}}`;
}
