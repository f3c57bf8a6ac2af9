/** The text of a message: of its plain parts, of the HTML where there is no other. */
import { isBodyText, isStatus } from './attachments.ts';
import { type DecodeWords, decodeText } from './charset.ts';
import { unflow } from './flowed.ts';
import type { HtmlToText } from './html.ts';
import { type Budget, createBudget, LONGEST_STATUS, LONGEST_TEXT } from './limits.ts';
import type { Part } from './part.ts';
import { headingOf, readStatus, readStatusHeaders } from './report.ts';
import { cut } from './storable.ts';

export interface BodyTools {
  decodeWords: DecodeWords;
  htmlToText: HtmlToText;
}

export interface Body {
  text: string;
  /** Content-IDs that its HTML shows. */
  shown: Set<string>;
}

/** What one part has to say, and whether it had to be made of HTML. */
interface Piece {
  text: string;
  isHtml: boolean;
}

export function readBody(root: Part, tools: BodyTools): Body {
  const shown = new Set<string>();
  const { text } = readPiece(root, { ...tools, shown, budget: createBudget() });
  return { text, shown };
}

type Context = BodyTools & Pick<Body, 'shown'> & { budget: Budget };

const NOTHING: Piece = { text: '', isHtml: false };

function readPiece(part: Part, context: Context): Piece {
  const { mimeType, parts } = part;
  if (isStatus(part)) return { text: statusOf(part, context), isHtml: false };
  if (mimeType === 'multipart/alternative') return chosen(parts.map((child) => readPiece(child, context)));
  if (mimeType.startsWith('message/')) return passedOn(part, context);
  if (parts.length > 0) return joined(parts.map((child) => readPiece(child, context)));
  return isBodyText(part) ? textOf(part, context) : NOTHING;
}

const FOR_OTHERS = new Set(['text/x-amp-html', 'text/watch-html']);

function textOf(part: Part, context: Context): Piece {
  if (FOR_OTHERS.has(part.mimeType) || context.budget.text <= 0) return NOTHING;
  const isHtml = part.mimeType === 'text/html';
  const decoded = decodedOf(part, context);
  const text = cut(isHtml ? context.htmlToText(withShown(decoded, context), context.budget) : plainOf(decoded, part), context.budget.text);
  context.budget.text -= text.length;
  return { text, isHtml };
}

function withShown(html: string, { shown }: Context): string {
  for (const [, id = ''] of html.matchAll(/\bcid:([^"'\s<>)]{1,300})/gi)) shown.add(id);
  return html;
}

/** The bytes of a part, as text. */
function decodedOf({ data, mimeType, parameters }: Part, { budget, decodeWords }: Context): string {
  const sent = data.slice(0, Math.ceil(budget.bytes / 3) * 4);
  const bytes = Buffer.from(sent, 'base64url');
  budget.bytes = Math.max(0, budget.bytes - bytes.length);
  const charset = parameters.get('charset') ?? (mimeType === 'text/html' ? charsetInside(bytes) : undefined);
  return decodeText(bytes, charset, decodeWords, sent.length < data.length);
}

const charsetInside = (bytes: Buffer): string | undefined =>
  /<meta[^>]{1,200}charset=["']?([\w.:-]{1,40})/i.exec(bytes.subarray(0, 2_000).toString('latin1'))?.[1];

function plainOf(whole: string, { parameters, mimeType }: Part): string {
  // What is cut off later needs no care.
  const text = whole.slice(0, 2 * LONGEST_TEXT);
  const isFlowed = mimeType === 'text/plain' && parameters.get('format')?.toLowerCase() === 'flowed';
  const lines = (isFlowed ? unflow(text, parameters.get('delsp')?.toLowerCase() === 'yes') : text).split(/\r\n?|\n/);
  const isText = (line: string): boolean => line !== '';
  const trimmed = lines.map((line) => line.trimEnd());
  return trimmed.slice(Math.max(0, trimmed.findIndex(isText)), trimmed.findLastIndex(isText) + 1).join('\n');
}

/** Text that tells the reader to look at the HTML. */
const STUB =
  /\bhtml\b.{0,80}\b(?:e-?mail|mail|message|client|reader|viewer|program|browser|version|format|support)|\b(?:client|reader|viewer|program|browser)\b.{0,80}\bhtml\b|view (?:this|the) (?:e-?mail|message|newsletter) (?:in|online)|view (?:it )?in (?:your |a )?browser/is;
const LONGEST_STUB = 400;

const isStub = (text: string): boolean => text.trim() === '' || (text.length <= LONGEST_STUB && STUB.test(text));

/** Ways to say the same: the plain one, unless it says nothing. */
function chosen(pieces: Piece[]): Piece {
  const said = pieces.filter(({ text }) => text.trim() !== '');
  const html = said.find(({ isHtml }) => isHtml);
  const plain = said.find(({ isHtml, text }) => !isHtml && !(html && isStub(text)));
  return plain ?? html ?? said[0] ?? NOTHING;
}

/** Parts that follow each other. HTML that only repeats the plain text before it is left out. */
function joined(pieces: Piece[]): Piece {
  const kept: Piece[] = [];
  for (const piece of pieces) {
    const isRepeated = repeats(kept.at(-1), piece);
    if (piece.text.trim() !== '' && !isRepeated) kept.push(piece);
  }
  return { text: kept.map(({ text }) => text).join('\n\n'), isHtml: kept.length > 0 && kept.every(({ isHtml }) => isHtml) };
}

function repeats(before: Piece | undefined, piece: Piece): boolean {
  return piece.isHtml && before?.isHtml === false && bare(before.text) === bare(piece.text);
}

const bare = (text: string): string => text.replace(/\s+/g, '');

/** A mail within the mail, with its head above it. */
function passedOn(part: Part, context: Context): Piece {
  const inner = part.parts[0];
  if (!inner) return { text: plainOf(decodedOf(part, context), part), isHtml: false };
  const { text } = joined(part.parts.map((child) => readPiece(child, context)));
  return { text: [headingOf(inner.headers) || headingOf(part.headers), text].filter(Boolean).join('\n\n'), isHtml: false };
}

/** Gmail hands the fields out as text of the part, as text of a part inside it, or as headers of that. */
function statusOf(part: Part, context: Context): string {
  const own = readStatus(decodedOf(part, context).slice(0, LONGEST_STATUS));
  const inner = part.parts.flatMap((child) => [readStatusHeaders(child.headers), statusOf(child, context)]);
  return [own, ...inner].filter(Boolean).join('\n\n');
}
