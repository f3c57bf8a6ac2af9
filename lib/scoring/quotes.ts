/**
 * Finds the passage of `source` that a quote names, exactly as it stands there; undefined when it is not there. Forgives what models change
 * when they copy: kinds of quotation marks and dashes, runs of white space, invisible characters, composed accents, marks around the quote.
 */
export function quoteFinder(source: string): (quote: string) => string | undefined {
  const { text, starts, ends } = normalise(source);
  return (quote) => {
    const wanted = unwrap(normalise(quote).text);
    const at = wanted.length < SHORTEST_QUOTE ? -1 : text.indexOf(wanted);
    const [start, end] = [starts[at], ends[at + wanted.length - 1]];
    return start === undefined || end === undefined ? undefined : source.slice(start, end);
  };
}

/** Characters; anything shorter stands in every text. */
const SHORTEST_QUOTE = 4;

/** Without the marks around it: they are the model's as often as the story's. */
function unwrap(quote: string): string {
  return quote.replace(/^[\s"']+|[\s"'.,;:]+$/gu, '');
}

interface Normalised {
  text: string;
  /** For each character of `text`, where its original starts and ends. */
  starts: number[];
  ends: number[];
}

function normalise(source: string): Normalised {
  const pieces: string[] = [];
  const starts: number[] = [];
  const ends: number[] = [];
  // A letter with its combining marks is one piece.
  for (const { 0: piece, index } of source.matchAll(/\s+|\P{M}\p{M}*|\p{M}+/gu)) {
    const plain = plainOf(piece);
    pieces.push(plain);
    for (let at = 0; at < plain.length; at += 1) {
      starts.push(index);
      ends.push(index + piece.length);
    }
  }
  return { text: pieces.join(''), starts, ends };
}

const INVISIBLE = /^[\u00ad\u200b-\u200d\u2060\ufeff]/u;

function plainOf(piece: string): string {
  // Nearly every piece is a plain letter.
  if (piece.length === 1 && piece >= '0' && piece <= 'z' && piece !== '`') return piece;
  if (/^\s/u.test(piece)) return ' ';
  if (INVISIBLE.test(piece)) return '';
  if (/^['‘’‚‛ʼ`´]$/u.test(piece)) return "'";
  if (/^["“”„‟«»]$/u.test(piece)) return '"';
  if (/^[-‐‑‒–—―−]$/u.test(piece)) return '-';
  return piece === '…' ? '...' : piece.normalize('NFC');
}
