/**
 * HTML, and what mammoth makes of Word documents, as blocks. html-to-text writes one text; headings and tables are marked in it with characters that no
 * text has (private use, taken out of the source first), and cut out afterwards.
 */
import type { Builder, Element, Formatter, Options } from 'html-to-text';
import { rowOf } from './text.ts';
import type { Writer } from './writer.ts';

const HEADING = '\ue000';
const TABLE = '\ue001';
/** Something was left out. */
const CUT = '\ue002';
const MARKS = /[\ue000-\ue002]/g;
/** What lies deeper is not written: pages that nest deeper never close their tags, and are taken without any. */
const DEEPEST = 250;

const heading: Formatter = (element, walk, builder) => {
  builder.openBlock({ leadingLineBreaks: 2 });
  builder.addInline(`${HEADING}${element.name.slice(1)}`);
  walk(element.children, builder);
  builder.closeBlock({ trailingLineBreaks: 2 });
};

const cellOf = (element: Element, walk: Parameters<Formatter>[1], builder: Builder): void => {
  builder.openTableCell({});
  walk(element.children, builder);
  builder.closeTableCell({});
};

const table: Formatter = (element, walk, builder) => {
  const row = (children: Element[]): void => {
    builder.openTableRow();
    for (const child of children) if (child.name === 'td' || child.name === 'th') cellOf(child, walk, builder);
    builder.closeTableRow();
  };
  const rows = ({ name, children }: Element): void => {
    if (name === 'tr') row(children);
    else if (name === 'caption') cellInRow(builder, () => walk(children, builder));
    else for (const child of children ?? []) rows(child);
  };
  builder.openTable();
  for (const child of element.children) rows(child);
  builder.closeTable({ tableToString: textOfTable, leadingLineBreaks: 2, trailingLineBreaks: 2 });
};

function cellInRow(builder: Builder, write: () => void): void {
  builder.openTableRow();
  builder.openTableCell({});
  write();
  builder.closeTableCell({});
  builder.closeTableRow();
}

/** A table of one column is there for the looks: what it holds stays as it is. */
function textOfTable(rows: { text: string }[][]): string {
  if (rows.every(({ length }) => length <= 1)) return rows.flatMap(([cell]) => cell?.text || []).join('\n\n');
  const lines = rows.map((cells) => rowOf(cells.map(({ text }) => withoutMarks(text)))).filter(Boolean);
  return lines.length > 0 ? TABLE + lines.join('\n') : '';
}

const withoutMarks = (text: string): string => text.replace(/\ue000\d/g, '').replace(MARKS, '');

const picture: Formatter = (element, _walk, builder) => {
  builder.addInline(element.attribs.alt ?? '', { noWordTransform: true });
};

const skipped = ['title', 'style', 'script', 'template', 'noscript', 'svg', 'math', 'object', 'iframe', 'select', 'textarea'];
const hidden = ['[style*="display:none" i]', '[style*="display: none" i]', '[hidden]'];

const options: Options = {
  wordwrap: false,
  limits: { maxDepth: DEEPEST, ellipsis: CUT },
  baseElements: { selectors: [] },
  formatters: { heading, table, picture },
  selectors: [
    ...[...skipped, ...hidden].map((selector) => ({ selector, format: 'skip' })),
    ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({ selector, format: 'heading' })),
    { selector: 'table', format: 'table' },
    { selector: 'img', format: 'picture' },
    { selector: 'a', options: { ignoreHref: true } },
    { selector: 'ul', options: { itemPrefix: '- ', leadingLineBreaks: 2, trailingLineBreaks: 2 } },
    ...['dl', 'details', 'figure', 'section', 'address', 'fieldset'].map((selector) => ({
      selector,
      format: 'block',
      options: { leadingLineBreaks: 2, trailingLineBreaks: 2 },
    })),
    ...['dt', 'dd', 'summary', 'figcaption'].map((selector) => ({
      selector,
      format: 'block',
      options: { leadingLineBreaks: 1, trailingLineBreaks: 1 },
    })),
  ],
};

const TITLE = /<title[^>]{0,200}>([^<]{1,1000})<\/title>/i;
/** Pictures that are written into the page: long, and nothing to read. */
const WRITTEN_IN = /data:[\w/+.-]{0,100};base64,[A-Za-z0-9+/=]*/g;

/** Tags that say nothing of the structure; unclosed ones cost the converter the square of their number. */
const EMPHASIS = /<\/?(?:b|i|u|em|strong|small|big|tt|font)(?:\s(?![^>]*(?:display|hidden))[^>]*)?>/gi;

const withoutTags = (html: string): string => html.replace(/<(script|style)\b[\s\S]*?<\/\1\s*>|<[^<>]*>/gi, '\n').replace(/[^\S\n]*\n\s*/g, '\n\n');

export async function readHtml(html: string, out: Writer): Promise<void> {
  await out.total(1);
  await out.title(await plainOf(TITLE.exec(html.slice(0, 100_000))?.[1] ?? ''));
  await writeHtml(html, out);
  await out.page(1);
}

/** Writes all of it to page 1, and does not end that. */
export async function writeHtml(html: string, out: Writer): Promise<void> {
  const { compile } = await import('html-to-text');
  const bare = html.replace(MARKS, '').replace(WRITTEN_IN, '').replace(EMPHASIS, '');
  const text = compile(options)(bare);
  for (const part of (text.includes(CUT) ? withoutTags(bare) : text).split(/\n{2,}/)) await writePart(part.replace(/^\n+/, ''), out);
}

async function writePart(part: string, out: Writer): Promise<void> {
  if (part.startsWith(TABLE)) for (const row of part.slice(1).split('\n')) await out.row(1, [row]);
  else if (part.startsWith(HEADING)) await out.heading(1, Number(part[1]), part.slice(2));
  else await out.text(1, withoutMarks(part));
}

async function plainOf(html: string): Promise<string> {
  const { compile } = await import('html-to-text');
  return compile(options)(html);
}
