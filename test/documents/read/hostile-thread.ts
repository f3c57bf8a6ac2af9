/** A reading thread that does what no reader should; the name of the file says what. */
import { createTell, type ReadEnd, type ReadTask } from '../../../lib/documents/read/messages.ts';

const hang = (): never => {
  for (;;);
};

const fill = (): never => {
  const held: object[] = [];
  for (;;) held.push({ at: held.length, text: `${held.length}` });
};

const misdeeds: Record<string, () => unknown> = {
  hangs: hang,
  fills: fill,
  exits: () => process.exit(3),
  rejects: () => {
    Promise.reject(new Error('Nobody looks at this'));
    return new Promise(() => {});
  },
  crashes: () => ({ crashed: 'memory access out of bounds' }),
};

const PAGES = 3;

/** `<misdeed>.docx` at once; `<misdeed>.pdf` at its second page; anything else is a PDF that is read to its end. */
export default async function read({ name, from, port }: ReadTask): Promise<ReadEnd> {
  const tell = createTell(port);
  const [what = '', ending] = name.split('.');
  await tell({ kind: 'opened' });
  await tell({ kind: 'format', format: ending === 'docx' ? 'docx' : 'pdf' });
  await tell({ kind: 'total', pages: PAGES });
  for (let page = from; page <= PAGES; page += 1) {
    const end = ending === 'docx' || page === 2 ? await misdeeds[what]?.() : undefined;
    // As the misdeed says.
    if (end) return end as ReadEnd;
    await tell({ kind: 'blocks', blocks: [{ page, kind: 'text', text: `Text of page ${page}` }] });
    await tell({ kind: 'page', page });
  }
  return {};
}
