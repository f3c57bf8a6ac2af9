/** Parts of an Office file (OPC): what a part points to, its properties, and a copy of it for parsers of others. */
import { posix } from 'node:path';
import { PermanentError } from '../../errors.ts';
import type { Writer } from './writer.ts';
import { scanXml } from './xml.ts';
import type { Archive } from './zip.ts';
import { packArchive } from './zip-directory.ts';

export interface Relationship {
  id: string;
  /** The end of its type: `worksheet`, `comments`, … */
  type: string;
  /** A part of the same archive. */
  target: string;
}

/** What a part points to within the file. */
export async function relationshipsOf(archive: Archive, part: string): Promise<Relationship[]> {
  const name = posix.join(posix.dirname(part), '_rels', `${posix.basename(part)}.rels`);
  if (!archive.has(name)) return [];
  const found: Relationship[] = [];
  const open = (element: string, attribute: (name: string) => string | undefined): void => {
    const target = attribute('Target') ?? '';
    if (element !== 'Relationship' || attribute('TargetMode') === 'External') return;
    const path = target.startsWith('/') ? target.slice(1) : posix.join(posix.dirname(part), target);
    found.push({ id: attribute('Id') ?? '', type: posix.basename(attribute('Type') ?? ''), target: path });
  };
  await scanXml(archive.stream(name), { open, close: () => {}, text: () => {} });
  return found;
}

/** The main part: named by the package's own relationships, else where programs put it. */
export async function mainPartOf(archive: Archive, usual: string): Promise<string> {
  const [main] = (await relationshipsOf(archive, '')).filter(({ type, target }) => type === 'officeDocument' && archive.has(target));
  return main?.target ?? usual;
}

/** The text of an element of the properties, '' where there is none: title of docx, pptx, xlsx and odt. */
export async function titleOf(archive: Archive): Promise<string> {
  const part = ['docProps/core.xml', 'meta.xml'].find(archive.has);
  if (!part) return '';
  let title = '';
  let isInside = false;
  await scanXml(archive.stream(part), {
    open: (name) => {
      isInside = name === 'title';
    },
    close: () => {
      isInside = false;
    },
    text: (text) => {
      if (isInside) title += text;
    },
  });
  return title;
}

/** Text lives in these; pictures, fonts, macros and embedded files are left behind. */
const TEXT_PARTS = /(?:\.xml|\.rels|^mimetype)$/i;

/** A parser that unpacks this finds what was counted here, and nothing else. */
export async function textPartsOf(archive: Archive, out: Writer): Promise<Buffer> {
  const parts: { name: string; bytes: Buffer }[] = [];
  for (const name of archive.names.filter((one) => TEXT_PARTS.test(one))) {
    const bytes = soundPart(archive, name);
    if (bytes) parts.push({ name, bytes });
    else await out.warn(`A part of the file is damaged and was left out: ${name}`);
  }
  return packArchive(parts);
}

/** Undefined where it is damaged: a theme or a list of fonts need not cost the text. */
function soundPart(archive: Archive, name: string): Buffer | undefined {
  try {
    return archive.read(name);
  } catch (error) {
    if (error instanceof PermanentError && error.code === 'document_corrupt') return undefined;
    throw error;
  }
}

/** The text of drawings, diagrams, comments, and of what no other reader makes sense of: what stands in elements `t`, in one piece per `paragraph`. */
export async function textsOf(archive: Archive, part: string, paragraph: string): Promise<string[]> {
  const texts: string[] = [];
  let text = '';
  let isText = false;
  await scanXml(archive.stream(part), {
    open: (name) => {
      isText = name === 't';
    },
    close: (name) => {
      isText = false;
      if (name !== paragraph) return;
      texts.push(text);
      text = '';
    },
    text: (said) => {
      if (isText) text += said;
    },
  });
  return texts.filter((said) => said.trim() !== '');
}

const EMBEDDED = /\/embeddings\/([^/]+)$/;
const MOST_NAMES = 20;

/** What to tell the owner of files within the file. */
export function embeddedIn({ names }: Archive): string | undefined {
  const files = names.flatMap((name) => EMBEDDED.exec(name)?.[1] ?? []);
  if (files.length === 0) return undefined;
  const more = files.length > MOST_NAMES ? ` and ${files.length - MOST_NAMES} more` : '';
  return `The file holds other files, which are not read with it: ${files.slice(0, MOST_NAMES).join(', ')}${more}`;
}
