import { isAscii } from 'node:buffer';
import { TextDecoder } from 'node:util';
import chardet from 'chardet';
import { InvalidInputError } from '../errors.ts';
import { notCsv } from './file-kind.ts';

/** What the bytes were found to be: filled in while they are read. */
export interface FoundEncoding {
  /** A label of the Encoding Standard, such as `utf-8` or `windows-1252`. */
  name: string;
}

const BOMS: readonly { name: string; bytes: string }[] = [
  { name: 'utf-8', bytes: 'efbbbf' },
  { name: 'utf-16le', bytes: 'fffe' },
  { name: 'utf-16be', bytes: 'feff' },
];

/** Below this chardet is guessing; most files of unknown origin are Excel's, in the Western code page. */
const LEAST_CONFIDENCE = 20;
const FALLBACK = 'windows-1252';

/**
 * The same text in UTF-8, without a byte-order mark. The encoding is that of the mark, else of `named`, else guessed; as long as there is nothing
 * but ASCII the guess waits, since the first curly quote may come late. UTF-8 passes unchanged: bytes that are not valid stay for the rows to report.
 * Throws `InvalidInputError` for a name that nobody knows, `PermanentError` (`not_csv`) for binary data.
 */
export async function* toUtf8(pieces: AsyncIterable<Buffer>, named: string | undefined, found: FoundEncoding): AsyncGenerator<Buffer> {
  const wanted = named === undefined ? undefined : nameOf(named);
  let convert: ((piece: Buffer) => Buffer) | undefined;
  let rest: TextDecoder | undefined;
  let first = true;

  for await (const piece of pieces) {
    const { name: marked, body } = first ? splitMark(piece) : { name: undefined, body: piece };
    const known = first ? (marked ?? wanted ?? wideEncoding(body)) : undefined;
    first = false;
    if (!convert && (known || !isAscii(body))) {
      found.name = known ?? guess(body);
      rest = found.name === 'utf-8' ? undefined : new TextDecoder(found.name);
      convert = converter(rest);
    }
    yield convert ? convert(body) : body;
  }
  const tail = rest?.decode();
  if (tail) yield Buffer.from(tail);
}

function converter(decoder: TextDecoder | undefined): (piece: Buffer) => Buffer {
  return decoder ? (piece) => Buffer.from(decoder.decode(piece, { stream: true })) : (piece) => piece;
}

function nameOf(encoding: string): string {
  try {
    return new TextDecoder(encoding).encoding;
  } catch {
    const message = `is not an encoding I know: ${encoding.slice(0, 40)}. Leave it out, and it is found`;
    throw new InvalidInputError(`Invalid input: encoding: ${message}`, [{ path: 'encoding', message }]);
  }
}

function splitMark(piece: Buffer): { name: string | undefined; body: Buffer } {
  const start = piece.subarray(0, 4).toString('hex');
  if (start === 'fffe0000' || start === '0000feff') throw notCsv('This text is in UTF-32. Save it as UTF-8, then upload it again.');
  const mark = BOMS.find(({ bytes }) => start.startsWith(bytes));
  return mark ? { name: mark.name, body: piece.subarray(mark.bytes.length / 2) } : { name: undefined, body: piece };
}

/** UTF-16 without a mark: in most scripts every other byte is 0. Throws for zeros that follow no such rule. */
function wideEncoding(head: Buffer): string | undefined {
  if (!head.includes(0)) return undefined;
  const zeros = [0, 0];
  for (let index = 0; index < head.length; index += 1) if (head[index] === 0) zeros[index % 2] = (zeros[index % 2] ?? 0) + 1;
  const [even = 0, odd = 0] = zeros;
  if (odd > head.length / 8 && odd > 8 * even) return 'utf-16le';
  if (even > head.length / 8 && even > 8 * odd) return 'utf-16be';
  throw notCsv('This is not a text file: it holds NUL bytes. Upload the answers as CSV.', { found: 'binary data' });
}

/** Of bytes that are not all ASCII. */
function guess(piece: Buffer): string {
  if (looksLikeUtf8(piece)) return 'utf-8';
  const best = chardet.analyse(piece).find(({ name }) => name !== 'UTF-8' && name !== 'ASCII' && decodable(name));
  return best && best.confidence >= LEAST_CONFIDENCE ? new TextDecoder(best.name).encoding : FALLBACK;
}

/** A few broken bytes do not make it something else: other encodings give next to no valid sequences. */
function looksLikeUtf8(piece: Buffer): boolean {
  const text = new TextDecoder('utf-8').decode(piece, { stream: true });
  let broken = 0;
  let whole = 0;
  for (const { length, 0: character = '' } of text.match(/\P{ASCII}/gu) ?? []) {
    if (length === 1 && character === '\uFFFD') broken += 1;
    else whole += 1;
  }
  return whole > 0 && broken * 10 <= whole;
}

function decodable(name: string): boolean {
  try {
    return new TextDecoder(name) !== undefined;
  } catch {
    return false;
  }
}
