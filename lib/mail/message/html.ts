/** HTML to text that people and models can read. What strangers send is cut to a size first that cannot hold the event loop: see `limits.ts`. */
import type { Builder, Formatter, Options } from 'html-to-text';
import { type Budget, CUT, DEEPEST_HTML, DEEPEST_QUOTE } from './limits.ts';

/** Takes what it reads from the budget. */
export type HtmlToText = (html: string, budget: Budget) => string;

/** How deep the quotes and lists are that are being written. */
interface Nesting {
  depth: number;
}

/** A link of more characters than that is a tracking link: its host is what says something. */
const LONGEST_LINK = 300;

function readableLink(href: string): string {
  const link = href.trim();
  if (/^(?:javascript|data|cid|blob|vbscript|about):/i.test(link)) return '';
  return link.length <= LONGEST_LINK ? link : (/^https?:\/\/[^/?#]{1,253}/i.exec(link)?.map((host) => `${host}/…`)[0] ?? '');
}

/** The package's own way, and no further than `DEEPEST_QUOTE`: deeper ones are plain blocks. */
const nested =
  (format: string): Formatter =>
  (element, walk, builder, options) => {
    const nesting = nestingOf(builder);
    nesting.depth += 1;
    const formatter = builder.options.formatters[nesting.depth > DEEPEST_QUOTE ? 'block' : format];
    formatter?.(element, walk, builder, options);
    nesting.depth -= 1;
  };

// The converter is only called with a `Nesting`, below.
const nestingOf = (builder: Builder): Nesting => builder.metadata as Nesting;

const cell: Formatter = (element, walk, builder) => {
  walk(element.children, builder);
  builder.addInline(' ');
};

/** Its description alone: pictures without one are logos, lines and trackers. */
const picture: Formatter = (element, _walk, builder) => {
  builder.addInline(element.attribs.alt ?? '', { noWordTransform: true });
};

const skip = ['title', 'style', 'script', 'template', 'noscript', 'svg', 'math', 'object', 'iframe', 'select', 'textarea'];
/** Previews for the list of mails, and what is there for one program only. */
const hidden = ['[style*="display:none" i]', '[style*="display: none" i]', '[hidden]'];
const blocks = ['tr', 'caption', 'center', 'section', 'address', 'fieldset', 'figure', 'dl', 'dt', 'dd', 'details', 'summary'];
const lines = { leadingLineBreaks: 1, trailingLineBreaks: 1 };

const options: Options = {
  wordwrap: false,
  limits: { maxDepth: DEEPEST_HTML, ellipsis: CUT },
  // All of it: broken mails have text outside their body.
  baseElements: { selectors: [] },
  formatters: { cell, picture, quote: nested('blockquote'), bullets: nested('unorderedList'), numbers: nested('orderedList') },
  selectors: [
    ...[...skip, ...hidden].map((selector) => ({ selector, format: 'skip' })),
    ...blocks.map((selector) => ({ selector, format: 'block', options: lines })),
    ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({ selector, options: { uppercase: false, leadingLineBreaks: 2 } })),
    { selector: 'td', format: 'cell' },
    { selector: 'th', format: 'cell' },
    { selector: 'img', format: 'picture' },
    { selector: 'a', options: { hideLinkHrefIfSameAsText: true, noAnchorUrl: true, pathRewrite: readableLink } },
    { selector: 'hr', options: { length: 20 } },
    { selector: 'blockquote', format: 'quote' },
    { selector: 'ul', format: 'bullets', options: { itemPrefix: '- ' } },
    { selector: 'ol', format: 'numbers' },
  ],
};

/** Loads the converter: some 60 ms, once. */
export async function loadHtmlToText(): Promise<HtmlToText> {
  const { compile } = await import('html-to-text');
  const convert = compile(options);
  return (html, budget) => {
    const { bounded, isCut } = withinBudget(html, budget);
    const text = tidy(tried(() => convert(bounded, { depth: 0 })) ?? stripped(bounded));
    return isCut ? `${text}\n${CUT}`.trimStart() : text;
  };
}

function tried<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** For HTML that the converter cannot stand. */
const stripped = (html: string): string => html.replace(/<[^<>]*>/g, ' ');

/** Pictures that are written into the page: long, and nothing to read. */
const WRITTEN_IN = /data:[\w/+.-]{0,100};base64,[A-Za-z0-9+/=]*/g;
const TAG = /<[/a-z]/gi;

function withinBudget(html: string, budget: Budget): { bounded: string; isCut: boolean } {
  const bare = html.replace(WRITTEN_IN, '').replaceAll('\0', '');
  const end = Math.min(budget.html, bare.length);
  TAG.lastIndex = 0;
  while (budget.tags > 0 && TAG.test(bare) && TAG.lastIndex <= end) budget.tags -= 1;
  const bounded = bare.slice(0, budget.tags > 0 ? end : Math.min(end, TAG.lastIndex - 2));
  budget.html -= bounded.length;
  return { bounded, isCut: bounded.length < bare.length };
}

/** Characters of no width that stretch a mail's preview. */
const PADDING = /(?:(?:\u034f|\u200b|\u200c|\u00ad|\u2007|\ufeff)[ \u00a0\n]*){3,}/g;

function tidy(text: string): string {
  const lines = text.replace(PADDING, ' ').replaceAll('\u00a0', ' ').split('\n');
  return lines
    .map((line) => line.trimEnd())
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}
