/** OpenDocument texts. A password leaves the parts as they are in the archive, and is told by the list of parts. */
import { encrypted } from './failures.ts';
import { parse, writeNode } from './office.ts';
import { textPartsOf, titleOf } from './package.ts';
import type { Writer } from './writer.ts';
import type { Archive } from './zip.ts';

const PARTS = 'META-INF/manifest.xml';

export async function readOpenDocument(archive: Archive, out: Writer): Promise<void> {
  if (archive.has(PARTS) && archive.text(PARTS).includes('encryption-data')) throw encrypted();
  await out.total(1);
  await out.title(await titleOf(archive));
  for (const node of await parse(await textPartsOf(archive, out), 'odt')) await writeNode(node, 1, out);
  await out.page(1);
}
