/** What officeparser reads: slides, OpenDocument texts; its tree of nodes becomes blocks. */
import { type OfficeContentNode, parseOffice } from 'officeparser';
import { oneLine } from './text.ts';
import type { Writer } from './writer.ts';

const options = {
  ocr: false,
  extractAttachments: false,
  ignoreNotes: false,
  // Printed on each slide, and no part of any.
  ignoreSlideMasters: true,
  // Warnings may quote the document.
  onWarning: () => {},
  outputErrorToConsole: false,
} as const;

export async function parse(bytes: Buffer, fileType: 'pptx' | 'odt'): Promise<OfficeContentNode[]> {
  const { content } = await parseOffice(bytes, { ...options, fileType });
  return content;
}

const LEAST_HEADING = 3;

export async function writeNode(node: OfficeContentNode, page: number, out: Writer): Promise<void> {
  if (node.type === 'table') await writeTable(node, page, out);
  else if (node.type === 'heading') await out.heading(page, node.metadata?.level ?? LEAST_HEADING, textOf(node));
  else if (node.type === 'list') await out.text(page, `${'  '.repeat(node.metadata?.indentation ?? 0)}${bulletOf(node)} ${textOf(node).trim()}`);
  else if (isContainer(node)) for (const child of node.children ?? []) await writeNode(child, page, out);
  else await out.text(page, textOf(node));
  await writeNotes(node, page, out);
}

const CONTAINERS = new Set(['page', 'drawing', 'slide', 'header', 'footer', 'definitionList', 'admonition']);
const isContainer = ({ type, children = [] }: OfficeContentNode): boolean => CONTAINERS.has(type) && children.length > 0;

const bulletOf = ({ metadata }: Extract<OfficeContentNode, { type: 'list' }>): string =>
  metadata?.listType === 'ordered' ? `${metadata.itemIndex + 1}.` : '-';

async function writeTable({ children: rows = [] }: OfficeContentNode, page: number, out: Writer): Promise<void> {
  for (const row of rows) {
    await out.row(
      page,
      (row.children ?? []).map((cell) => cellOf(cell)),
    );
  }
}

/** Paragraphs of a cell stand side by side. */
const cellOf = ({ children = [], text = '' }: OfficeContentNode): string =>
  children.length > 0 ? children.map((child) => (child.children ? cellOf(child) : textOf(child))).join(isInline(children) ? '' : ' ') : text;

const isInline = (nodes: readonly OfficeContentNode[]): boolean => nodes.every(({ type }) => type === 'text' || type === 'break');

/** Runs stand beside each other, paragraphs below. */
function textOf({ type, children = [], text = '' }: OfficeContentNode): string {
  if (type === 'break') return '\n';
  if (type === 'image') return '';
  if (children.length === 0) return text;
  return children.map(textOf).join(isInline(children) ? '' : '\n');
}

/** Footnotes hang on the run that refers to them, a speaker's notes on the slide. */
async function writeNotes(node: OfficeContentNode, page: number, out: Writer): Promise<void> {
  if (node.type === 'table') return;
  for (const note of notesOf(node)) {
    const said = oneLine(textOf(note));
    // The number of the slide stands on each of its notes.
    if (/\D/.test(said)) await out.text(page, `${node.type === 'slide' ? 'Notes' : 'Note'}: ${said}`);
  }
}

const notesOf = (node: OfficeContentNode): OfficeContentNode[] =>
  isContainer(node) ? (node.notes ?? []) : [...(node.notes ?? []), ...(node.children ?? []).flatMap(notesOf)];
