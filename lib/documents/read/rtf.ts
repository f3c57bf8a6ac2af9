/**
 * Rich text, as paragraphs, headings, rows of tables and notes. Read here and not by officeparser, which takes every byte for Western European, writes
 * characters twice that have a substitute, and loses dashes.
 */
import { decodePage, pageOfCharset, type RtfToken, tokensOf } from './rtf-tokens.ts';
import type { Writer } from './writer.ts';

type Item =
  | { kind: 'text'; text: string }
  | { kind: 'heading'; text: string; level: number }
  | { kind: 'row'; cells: string[] }
  | { kind: 'title'; text: string };

export async function readRtf(bytes: Buffer, out: Writer): Promise<void> {
  await out.total(1);
  for (const item of itemsOf(bytes.toString('latin1'))) {
    if (item.kind === 'row') await out.row(1, item.cells);
    else if (item.kind === 'title') await out.title(item.text);
    else if (item.kind === 'heading') await out.heading(1, item.level, item.text);
    else await out.text(1, item.text);
  }
  await out.page(1);
}

/** Where text goes. `skip`: it is none. */
type Destination = 'body' | 'fonts' | 'title' | 'note' | 'comment' | 'header' | 'footer' | 'skip';

/** What stands beside the text follows the paragraph that it belongs to. */
const LABELS: Partial<Record<Destination, string>> = { note: 'Note', comment: 'Comment', header: 'Header', footer: 'Footer' };

/** What a group inherits, and gives back at its end. */
interface Group {
  to: Destination;
  font: number;
  /** Substitutes behind a Unicode character. */
  substitutes: number;
  isHidden: boolean;
}

const DESTINATIONS: Record<string, Destination> = {
  fonttbl: 'fonts',
  title: 'title',
  footnote: 'note',
  annotation: 'comment',
  ...{ header: 'header', headerl: 'header', headerr: 'header', headerf: 'header' },
  ...{ footer: 'footer', footerl: 'footer', footerr: 'footer', footerf: 'footer' },
};

/** Groups whose text is none of the document's, or repeats what stands elsewhere. */
const SKIPPED = new Set(
  'colortbl stylesheet pict objdata objclass objname fldinst xe tc nonshppict upr sp author operator company subject keywords doccomm comment manager category hlinkbase creatim revtim printim buptim'.split(
    ' ',
  ),
);
/** Marked as "skip if unknown", and known here. */
const KNOWN = new Set(['shpinst', 'shptxt', 'annotation', 'shppict']);

const CHARACTERS: Record<string, string> = {
  ...{ tab: '\t', line: '\n', emdash: '—', endash: '–', lquote: '‘', rquote: '’', ldblquote: '“', rdblquote: '”', bullet: '•' },
  ...{
    emspace: ' ',
    enspace: ' ',
    qmspace: ' ',
    nestcell: ' ',
    nestrow: '\n',
    '~': ' ',
    _: '-',
    '{': '{',
    '}': '}',
    '\\': '\\',
    '\n': '\n',
    '\r': '\n',
  },
};

const MOST_GROUPS = 10_000;
const LONGEST_HEADING = 200;
const BODY_LEVEL = 9;

function* itemsOf(rtf: string): Iterable<Item> {
  const reader = createRtfReader();
  for (const token of tokensOf(rtf)) {
    reader.take(token);
    yield* reader.items();
  }
  reader.end();
  yield* reader.items();
}

interface RtfReader {
  take(token: RtfToken): void;
  /** What was completed since it was asked last. */
  items(): Item[];
  end(): void;
}

function createRtfReader(): RtfReader {
  let group: Group = { to: 'body', font: -1, substitutes: 1, isHidden: false };
  const outer: Group[] = [];
  const fonts = new Map<number, number>();
  const texts: Record<Destination, string> = { body: '', fonts: '', title: '', note: '', comment: '', header: '', footer: '', skip: '' };
  let items: Item[] = [];
  let notes: string[] = [];
  /** Headers and footers stand in each section anew. */
  const told = new Set<string>();
  let cells: string[] = [];
  let page = 1252;
  let level = BODY_LEVEL;
  let isInTable = false;
  let isUnknown = false;
  let left = 0;
  let bytes = '';
  let definedFont = 0;

  function write(text: string): void {
    flush();
    put(text);
  }

  function put(text: string): void {
    if (!group.isHidden && group.to !== 'skip' && group.to !== 'fonts') texts[group.to] += text;
  }

  function flush(): void {
    if (bytes === '') return;
    const text = decodePage(bytes, fonts.get(group.font) ?? page);
    bytes = '';
    put(text);
  }

  function endParagraph(): void {
    const text = texts.body;
    texts.body = '';
    const isHeading = level < BODY_LEVEL && text.trim().length <= LONGEST_HEADING;
    if (text.trim() !== '') items.push(isHeading ? { kind: 'heading', text, level: level + 1 } : { kind: 'text', text });
    for (const note of notes) if (!told.has(note)) items.push({ kind: 'text', text: note });
    for (const note of notes) told.add(note);
    notes = [];
  }

  function endCell(): void {
    cells.push(texts.body);
    texts.body = '';
  }

  function endRow(): void {
    if (cells.length > 0) items.push({ kind: 'row', cells });
    cells = [];
  }

  function open(): void {
    flush();
    left = 0;
    if (outer.length < MOST_GROUPS) outer.push(group);
    group = { ...group };
  }

  function close(): void {
    flush();
    left = 0;
    const ended = group.to;
    group = outer.pop() ?? group;
    if (ended === group.to) return;
    if (ended === 'title') items.push({ kind: 'title', text: texts.title });
    const label = LABELS[ended];
    if (label && texts[ended].trim() !== '') notes.push(`${label}: ${texts[ended].trim()}`);
    if (ended !== 'body') texts[ended] = '';
  }

  function unicode(value: number): void {
    write(String.fromCharCode(value & 0xffff));
    left = group.substitutes;
  }

  const words: Record<string, (value: number | undefined) => void> = {
    par: () => (group.to === 'body' && !isInTable ? endParagraph() : put('\n')),
    sect: () => endParagraph(),
    page: () => endParagraph(),
    cell: () => endCell(),
    row: () => endRow(),
    intbl: () => {
      if (!isInTable && texts.body.trim() !== '' && cells.length === 0) endParagraph();
      isInTable = true;
    },
    pard: () => {
      isInTable = false;
      level = BODY_LEVEL;
    },
    outlinelevel: (value = BODY_LEVEL) => {
      level = value >= 0 ? value : BODY_LEVEL;
    },
    ansicpg: (value = page) => {
      page = value;
    },
    mac: () => {
      page = 10_000;
    },
    deff: (value = 0) => {
      group.font = value;
    },
    f: (value = 0) => {
      if (group.to === 'fonts') definedFont = value;
      else group.font = value;
    },
    fcharset: (value = 0) => {
      const found = pageOfCharset(value);
      if (found) fonts.set(definedFont, found);
    },
    cpg: (value = 0) => {
      if (group.to === 'fonts') fonts.set(definedFont, value);
    },
    uc: (value = 1) => {
      group.substitutes = value;
    },
    u: (value = 0) => unicode(value),
    v: (value = 1) => {
      group.isHidden = value !== 0;
    },
    deleted: (value = 1) => {
      group.isHidden = value !== 0;
    },
    plain: () => {
      group.isHidden = false;
    },
  };

  function word(name: string, value: number | undefined): void {
    flush();
    const isMarked = isUnknown;
    isUnknown = false;
    if (group.to === 'skip') return;
    const destination = DESTINATIONS[name];
    if (destination) group.to = destination;
    else if (SKIPPED.has(name) || (isMarked && !KNOWN.has(name))) group.to = 'skip';
    else if (CHARACTERS[name] !== undefined) put(CHARACTERS[name]);
    else words[name]?.(value);
  }

  function symbol(sign: string): void {
    if (sign === '*') isUnknown = true;
    else write(CHARACTERS[sign] ?? '');
  }

  function text({ bytes: added, hex }: Extract<RtfToken, { kind: 'bytes' }>): void {
    const dropped = Math.min(left, added.length);
    left = hex ? Math.max(0, left - 1) : left - dropped;
    bytes += added.slice(dropped);
  }

  return {
    take(token) {
      if (token.kind === 'group') token.opens ? open() : close();
      else if (token.kind === 'word') word(token.word, token.value);
      else if (token.kind === 'symbol') symbol(token.symbol);
      else if (token.kind === 'bytes') text(token);
    },
    items() {
      const done = items;
      items = [];
      return done;
    },
    end() {
      flush();
      endRow();
      endParagraph();
    },
  };
}
