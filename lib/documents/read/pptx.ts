/** Presentations: a slide is a page, in the order in which they are shown; officeparser has them in the order of their files' names. */
import type { OfficeContentNode } from 'officeparser';
import { parse, writeNode } from './office.ts';
import { embeddedIn, mainPartOf, relationshipsOf, textPartsOf, textsOf, titleOf } from './package.ts';
import type { Writer } from './writer.ts';
import { scanXml } from './xml.ts';
import type { Archive } from './zip.ts';

export async function readPptx(archive: Archive, out: Writer): Promise<void> {
  const order = await slidesOf(archive);
  await out.total(order.length);
  await out.title(await titleOf(archive));
  const embedded = embeddedIn(archive);
  if (embedded) await out.warn(embedded);
  const slides = new Map((await parse(await textPartsOf(archive, out), 'pptx')).map((node) => [numberOf(node), node]));
  for (const [at, part] of order.entries()) {
    const slide = slides.get(Number(/(\d+)\.xml$/.exec(part)?.[1]));
    if (slide) await writeNode(slide, at + 1, out);
    for (const text of await diagramsOf(archive, part)) await out.text(at + 1, text);
    await out.page(at + 1);
  }
}

/** What organisation charts and other diagrams say; officeparser leaves it out. */
async function diagramsOf(archive: Archive, slide: string): Promise<string[]> {
  const texts: string[] = [];
  for (const { type, target } of await relationshipsOf(archive, slide)) {
    if (type === 'diagramData' && archive.has(target)) texts.push((await textsOf(archive, target, 'p')).join('\n'));
  }
  return texts;
}

const numberOf = (node: OfficeContentNode): number => (node.type === 'slide' ? (node.metadata?.slideNumber ?? 0) : 0);

/** The parts of the slides, as they are shown. */
async function slidesOf(archive: Archive): Promise<string[]> {
  const part = await mainPartOf(archive, 'ppt/presentation.xml');
  const targets = new Map((await relationshipsOf(archive, part)).map(({ id, target }) => [id, target]));
  const shown: string[] = [];
  await scanXml(archive.stream(part), {
    open: (name, attribute) => {
      if (name === 'sldId') shown.push(targets.get(attribute('r:id') ?? '') ?? '');
    },
    close: () => {},
    text: () => {},
  });
  return shown.filter(archive.has);
}
