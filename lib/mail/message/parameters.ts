/** Parameters of Content-Type and Content-Disposition: RFC 2045, and RFC 2231 for long and foreign values. */
import { type DecodeWords, decodeText } from './charset.ts';
import { LONGEST_PARAMETERS, MOST_PARAMETERS } from './limits.ts';

export interface Parametrised {
  /** In lower case: `text/plain`, `attachment`. */
  value: string;
  parameters: Map<string, string>;
}

/** Name, and value in quotes or without. */
const PARAMETER = /;\s*([^\s=;"]{1,100})\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^;]*))/gs;

/** Of `a*0*`: the name, the number of the piece, and whether it is percent-encoded. */
const PIECE = /^([^*]+)(?:\*(\d{1,4}))?(\*)?$/;

export function readParametrised(whole: string | undefined, decodeWords: DecodeWords): Parametrised {
  const header = (whole ?? '').slice(0, LONGEST_PARAMETERS);
  const value = header.split(';', 1).join('').trim().toLowerCase();
  const plain = new Map<string, string>();
  const pieces = new Map<string, { at: number; encoded: boolean; text: string }[]>();
  for (const [, name = '', quoted, bare = ''] of [...header.matchAll(PARAMETER)].slice(0, MOST_PARAMETERS)) {
    const text = quoted?.replace(/\\(["\\])/g, '$1') ?? bare.trim();
    const [, base = '', at, star] = PIECE.exec(name.toLowerCase()) ?? [];
    if (!base) continue;
    if (at === undefined && !star) setOnce(plain, base, decodeWords(text));
    else pieces.set(base, [...(pieces.get(base) ?? []), { at: Number(at ?? 0), encoded: Boolean(star), text }]);
  }
  // RFC 2231 goes before a plain parameter of the same name, which is there for old programs.
  for (const [name, list] of pieces) plain.set(name, joined(list, decodeWords));
  return { value, parameters: plain };
}

const setOnce = (map: Map<string, string>, key: string, value: string): void => {
  if (!map.has(key)) map.set(key, value);
};

/** The first piece names charset and language: `utf-8'en'%e2%82%ac`. */
function joined(list: { at: number; encoded: boolean; text: string }[], decodeWords: DecodeWords): string {
  const inOrder = list.toSorted((a, b) => a.at - b.at);
  const first = inOrder[0];
  const [, charset, rest] = (first?.encoded && /^([^']*)'[^']*'(.*)$/s.exec(first.text)) || [];
  const bytes = inOrder.map(({ encoded, text }, index) => {
    const own = index === 0 && rest !== undefined ? rest : text;
    return encoded ? fromPercent(own) : Buffer.from(own);
  });
  return inOrder.some(({ encoded }) => encoded)
    ? decodeText(Buffer.concat(bytes), charset, decodeWords)
    : decodeWords(Buffer.concat(bytes).toString());
}

function fromPercent(text: string): Buffer {
  const bytes = Buffer.from(text).toString('latin1');
  return Buffer.from(
    bytes.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
}
