/** The tokens of rich text. Source: Microsoft's RTF Specification 1.9.1, "RTF Syntax". */
export type RtfToken =
  | { kind: 'group'; opens: boolean }
  | { kind: 'word'; word: string; value: number | undefined }
  /** A control that is no word: `~`, `-`, `_`, `*`, … */
  | { kind: 'symbol'; symbol: string }
  /** Bytes of text in the code page of their font, as Latin-1. `hex`: written as one `\'hh`. */
  | { kind: 'bytes'; bytes: string; hex: boolean };

const TOKEN = /(\{)|(\})|\\([a-z]{1,40})(-?\d{1,10})? ?|\\'([\da-f]{2})|\\([\s\S])|[\r\n\0]+|([^\\{}\r\n\0]+)/giy;

/** `rtf`: the file's bytes as Latin-1. What makes no sense is passed over. */
export function* tokensOf(rtf: string): Iterable<RtfToken> {
  const token = new RegExp(TOKEN);
  for (let found = token.exec(rtf); found; found = token.exec(rtf)) {
    const [, open, close, word, value, hex, symbol, text] = found;
    if (open || close) yield { kind: 'group', opens: open !== undefined };
    else if (word) yield { kind: 'word', word, value: value === undefined ? undefined : Number(value) };
    else if (hex) yield { kind: 'bytes', bytes: String.fromCharCode(Number.parseInt(hex, 16)), hex: true };
    else if (symbol) yield { kind: 'symbol', symbol };
    else if (text) yield { kind: 'bytes', bytes: text, hex: false };
    // Binary data follows, as long as it says.
    if (word === 'bin') token.lastIndex += Math.max(0, Number(value ?? 0));
  }
}

/** Of `\fcharset`: the code page of a font. */
const CHARSETS: Record<number, number> = {
  ...{ 77: 10_000, 128: 932, 129: 949, 130: 949, 134: 936, 136: 950, 161: 1253, 162: 1254 },
  ...{ 163: 1258, 177: 1255, 178: 1256, 186: 1257, 204: 1251, 222: 874, 238: 1250 },
};

export const pageOfCharset = (charset: number): number | undefined => CHARSETS[charset];

const LABELS: Record<number, string> = { 932: 'shift_jis', 936: 'gbk', 949: 'euc-kr', 950: 'big5', 10000: 'macintosh', 65001: 'utf-8' };

/** Text that was written with a code page; one that nobody knows is taken for Western European. */
export function decodePage(bytes: string, page: number): string {
  const label = LABELS[page] ?? (page === 874 || (page >= 1250 && page <= 1258) ? `windows-${page}` : 'windows-1252');
  return new TextDecoder(label).decode(Buffer.from(bytes, 'latin1'));
}
