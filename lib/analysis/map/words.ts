/** Advance widths of the printable ASCII characters in DejaVu Sans Condensed Bold, in thousandths of the font's size. */
const ASCII = [
  313, 410, 469, 754, 626, 901, 785, 275, 411, 411, 470, 754, 342, 374, 342, 329, 626, 626, 626, 626, 626, 626, 626, 626, 626, 626, 360, 360, 754,
  754, 754, 522, 900, 696, 686, 660, 747, 615, 615, 738, 753, 334, 334, 697, 573, 896, 753, 765, 659, 765, 693, 648, 614, 730, 696, 993, 694, 651,
  652, 411, 329, 411, 754, 450, 450, 607, 644, 533, 644, 610, 391, 644, 641, 308, 308, 598, 308, 938, 641, 618, 644, 644, 444, 536, 430, 641, 586,
  831, 580, 586, 523, 641, 329, 641, 754,
];
/** Ideographs, kana, Hangul, full-width forms and emoji fill a square. */
const WIDE = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{Extended_Pictographic}\u{3000}-\u{303F}\u{FF01}-\u{FF60}\u{1F1E6}-\u{1F1FF}]/u;
const WIDTH_OF_WIDE = 1.05;
/** Of other scripts: somewhat more than the mean of the Greek, Cyrillic, Hebrew and Arabic letters. */
const WIDTH_OF_OTHERS = 0.72;
/** How much of the bold face's width the regular one needs, for nearly all letters. */
const REGULAR = 0.93;

/** Controls (which XML forbids, lone surrogates too) and what overrides the direction of everything after it. */
const FORBIDDEN = /[\p{Cc}\p{Cs}\u{202A}-\u{202E}\u{2066}-\u{2069}\u{FFFE}\u{FFFF}\u{FEFF}]+/gu;
const RIGHT_TO_LEFT = /[\p{sc=Hebrew}\p{sc=Arabic}\p{sc=Syriac}\p{sc=Thaana}\p{sc=Nko}]/u;
/** Keeps an ellipsis at the end of a line that runs from right to left. */
const RIGHT_TO_LEFT_MARK = '\u{200F}';
const ELLIPSIS = '…';
/** Characters of a text that are looked at: more never fits. */
const LONGEST_TEXT = 500;

const words = new Intl.Segmenter('en', { granularity: 'word' });
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** On one line, and without characters that would break the picture. */
export function cleanText(text: string): string {
  return text.replace(FORBIDDEN, ' ').replace(/\s+/gu, ' ').trim();
}

export interface Face {
  /** Pixels. */
  fontSize: number;
  bold?: boolean;
}

/** Pixels, rather too many than too few: browsers may show a narrower font. */
export function textWidth(text: string, { fontSize, bold = false }: Face): number {
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += graphemeWidth(segment);
  return width * fontSize * (bold ? 1 : REGULAR);
}

function graphemeWidth(grapheme: string): number {
  const [first = ''] = grapheme;
  const ascii = ASCII[(first.codePointAt(0) ?? 0) - 32];
  if (ascii !== undefined) return ascii / 1_000;
  return WIDE.test(grapheme) ? WIDTH_OF_WIDE : WIDTH_OF_OTHERS;
}

export interface WrapOptions extends Face {
  /** Pixels. */
  width: number;
  /** What does not fit into so many is cut, with an ellipsis. */
  lines: number;
}

/** Lines that fit; broken between words, inside a word only where it fills a line alone. At least one line, maybe ''. */
export function wrapText(text: string, { width, lines: most, ...face }: WrapOptions): string[] {
  const fits = (line: string): boolean => textWidth(line.trimEnd(), face) <= width;
  const lines: string[] = [];
  let line = '';
  for (const part of breakable(cleanText(text.slice(0, LONGEST_TEXT)), fits)) {
    if (fits(line + part)) line += part;
    else {
      lines.push(line.trimEnd());
      line = part.trimStart();
    }
  }
  lines.push(line.trimEnd());
  return lines.length <= most ? lines : cut(lines.slice(0, most), fits);
}

/** Words with the marks and spaces after them; words wider than a line as their graphemes. */
function breakable(text: string, fits: (line: string) => boolean): string[] {
  const parts: string[] = [];
  for (const { segment, isWordLike } of words.segment(text)) {
    const last = parts.at(-1);
    // A line does not start with a comma or a space; an opening bracket belongs to the next word.
    if (!isWordLike && last !== undefined && !/^[\p{Ps}\p{Pi}"'#]/u.test(segment) && fits(last + segment)) parts[parts.length - 1] = last + segment;
    else if (last !== undefined && /[\p{Ps}\p{Pi}"'#]$/u.test(last) && fits(last + segment)) parts[parts.length - 1] = last + segment;
    else parts.push(segment);
  }
  return parts.flatMap((part) => (fits(part) ? [part] : [...graphemes.segment(part)].map(({ segment }) => segment)));
}

/** The last line ends with an ellipsis. */
function cut(lines: string[], fits: (line: string) => boolean): string[] {
  const last = [...graphemes.segment(lines.at(-1) ?? '')].map(({ segment }) => segment);
  while (last.length > 0 && !fits(`${last.join('').trimEnd()}${ELLIPSIS}`)) last.pop();
  const kept = wholeWords(last.join(''), lines.at(-1) ?? '');
  return [...lines.slice(0, -1), `${kept}${ELLIPSIS}${RIGHT_TO_LEFT.test(kept) ? RIGHT_TO_LEFT_MARK : ''}`];
}

/** Without a half word at its end, where that leaves more than half of it. */
function wholeWords(kept: string, full: string): string {
  const isWhole = kept.length === full.length || /\s/u.test(full.charAt(kept.length));
  const space = kept.search(/\s\S*$/u);
  return (isWhole || space < kept.length / 2 ? kept : kept.slice(0, space)).trimEnd();
}
