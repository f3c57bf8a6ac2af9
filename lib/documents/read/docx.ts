/** Word documents: mammoth makes HTML of them (headings, tables, lists, notes, comments, text boxes). */
import mammoth from 'mammoth';
import { writeHtml } from './html.ts';
import { embeddedIn, mainPartOf, relationshipsOf, textPartsOf, textsOf, titleOf } from './package.ts';
import { oneLine } from './text.ts';
import type { Writer } from './writer.ts';
import type { Archive } from './zip.ts';

/** Arrows back to the place of a note say nothing on paper; descriptions of pictures are mostly made by Word. */
const NOT_TEXT = /<a href="#(?:footnote|endnote|comment)-ref-[^"]*">↑<\/a>|<img [^>]*>/g;

const options = {
  // A style map inside the file could say that text is to be left out.
  includeEmbeddedStyleMap: false,
  externalFileAccess: false,
  styleMap: ["p[style-name='Title'] => h1:fresh", "p[style-name='Subtitle'] => h2:fresh", 'comment-reference => sup'],
  convertImage: mammoth.images.imgElement(async () => ({ src: '' })),
};

export async function readDocx(archive: Archive, out: Writer): Promise<void> {
  await out.total(1);
  await out.title(await titleOf(archive));
  const embedded = embeddedIn(archive);
  if (embedded) await out.warn(embedded);
  const { value } = await mammoth.convertToHtml({ buffer: await textPartsOf(archive, out) }, options);
  const html = value.replace(NOT_TEXT, '');
  if (hasText(html)) await writeHtml(html, out);
  else await readBare(archive, out);
  await readMargins(archive, out);
  await out.page(1);
}

const PLACES = { header: 'Header', footer: 'Footer' };

/** What stands on each page, once: mammoth leaves it out, and "Draft" or "Privileged" may stand there alone. */
async function readMargins(archive: Archive, out: Writer): Promise<void> {
  const told = new Set<string>();
  for (const { type, target } of await relationshipsOf(archive, await mainPartOf(archive, 'word/document.xml'))) {
    if ((type !== 'header' && type !== 'footer') || !archive.has(target)) continue;
    const said = oneLine((await textsOf(archive, target, 'p')).join(' '));
    // Numbers of pages say nothing here.
    if (/\p{L}{2}/u.test(said) && !told.has(said)) await out.text(1, `${PLACES[type]}: ${said}`);
    told.add(said);
  }
}

const hasText = (html: string): boolean => /\S/.test(html.replace(/<[^>]*>/g, ''));

/** Where mammoth finds nothing: text that was moved, words with their reading above them, and pages that other programs put in as HTML. */
async function readBare(archive: Archive, out: Writer): Promise<void> {
  const main = await mainPartOf(archive, 'word/document.xml');
  for (const text of await textsOf(archive, main, 'p')) await out.text(1, text);
  for (const { type, target } of await relationshipsOf(archive, main)) {
    if (type === 'aFChunk' && /\.x?html?$/i.test(target) && archive.has(target)) await writeHtml(archive.text(target), out);
  }
}
