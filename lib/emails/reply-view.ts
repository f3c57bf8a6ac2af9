/**
 * What the package that cuts quotes and signatures is shown of a mail. Its patterns take time that grows with the fourth power of a line's length and the
 * square of the number of empty lines, so long lines are replaced by a mark, and runs are shortened. A word joiner before a line keeps its patterns away from it.
 */

export interface ReplyView {
  text: string;
  /** What the package left of `text`, with the lines that marks stand for. */
  restore(visible: string): string;
}

const LONGEST_LINE = 160;
/** Characters that the package reads; what follows is taken as it is, quotes aside. */
const LONGEST_VIEW = 12_000;
const MOST_BLANKS = 2;
const MOST_QUOTED = 2;
const GUARD = '\u2060';
const MARK = /\ue000(\d+)\ue001/g;

/** These patterns of the package reach over all lines that follow; `history.ts` knows the headings they mean. */
const REACHES_FAR = /^\s*(?:op\s|w\sdniu|dnia|在|[a-z]{3,4}\.\s)/iu;

export function viewOf(lines: readonly string[]): ReplyView {
  const clean = shortened(lines.map((line) => line.replaceAll(GUARD, '').replace(/[\ue000\ue001]/g, '')));
  const rest = restOf(clean);
  const read = clean.slice(0, clean.length - rest.length);
  const text = read.map((line, index) => shown(line, index, read)).join('\n');
  return {
    text,
    restore: (visible) => {
      const own = visible.replaceAll(GUARD, '').replace(MARK, (_, index: string) => read[Number(index)] ?? '');
      return rest.length > 0 && endsAs(read, own) ? [own, ...rest.filter((line) => !isQuote(line))].join('\n') : own;
    },
  };
}

/** Whether the last line that was read was kept: what follows then goes on with it. */
const endsAs = (read: readonly string[], own: string): boolean =>
  own.trimEnd().endsWith((read.findLast((line) => line.trim() !== '') ?? '').trimEnd());

const isQuote = (line: string): boolean => /^\s{0,3}>/.test(line);
const isBlank = (line: string): boolean => line.trim() === '';

/** Runs of empty and of quoted lines say no more than their first ones. */
function shortened(lines: readonly string[]): string[] {
  let run = 0;
  return lines.filter((line, index) => {
    const before = lines[index - 1] ?? '';
    const goesOn = (isBlank(line) && isBlank(before)) || (isQuote(line) && isQuote(before));
    run = goesOn && index > 0 ? run + 1 : 0;
    return run < (isQuote(line) ? MOST_QUOTED : MOST_BLANKS);
  });
}

function restOf(lines: readonly string[]): string[] {
  let length = 0;
  const end = lines.findIndex((line) => {
    length += Math.min(line.length, LONGEST_LINE) + 1;
    return length > LONGEST_VIEW;
  });
  return end === -1 ? [] : lines.slice(end);
}

function shown(line: string, index: number, lines: readonly string[]): string {
  if (isQuote(line)) return '> quoted';
  if (isBlank(line)) return '';
  if (line.length > LONGEST_LINE) return `\ue000${index}\ue001`;
  if (REACHES_FAR.test(line) || isSentence(line)) return GUARD + line;
  if (!RULE.test(line)) return line;
  return isAboveSignature(lines.slice(index + 1)) ? '--' : GUARD + line;
}

const RULE = /^\s{0,10}(?:-{2,160}|_{2,160}|={2,160}|\+{2,160}|\*{3,160}|~{3,160})$/;
const MOST_SIGNATURE_LINES = 12;

/** A line that is drawn across the middle of a mail divides its parts. */
function isAboveSignature(lines: readonly string[]): boolean {
  const quote = lines.findIndex(isQuote);
  const said = (quote === -1 ? lines : lines.slice(0, quote)).filter((line) => !isBlank(line));
  return said.length <= MOST_SIGNATURE_LINES && said.every((line) => line.length <= LONGEST_LINE);
}

/** "Sent from my desk, which is quieter than yours." is no signature. */
function isSentence(line: string): boolean {
  return (
    /^Sent from /i.test(line) &&
    /[.!?]$/.test(line) &&
    !/excuse|typo|brevity|brief|phone|pad|device|mobile$/i.test(line.replace(/, .{1,40}\b(?:than|then)\b.*/i, ''))
  );
}
