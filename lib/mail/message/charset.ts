/**
 * Bytes to text. Gmail may hand out a text part as its sender wrote it, or as UTF-8 with a header that still names the old charset. So UTF-8 is tried
 * first, strictly: text of another charset is hardly ever valid UTF-8. Where it may be, the declared charset comes first:
 * - ISO-2022 and UTF-16 write other characters with bytes of ASCII; an escape sequence, or a NUL, gives them away;
 * - a few characters of GBK, Big5, EUC-KR or Shift_JIS may look like two-byte UTF-8, never like three bytes for three. UTF-8 in these languages has
 *   characters of three bytes nearly always.
 */
/** Decodes encoded words of RFC 2047. */
export type DecodeWords = (text: string) => string;

const FALLBACK = 'windows-1252';
const EAST_ASIAN = /^(?:gb|x-gbk|hz|big5|euc|ks_c|ksc|korean|shift|sjis|x-sjis|ms_?kanji|windows-(?:31j|936|949|950)|cp9\d\d|ms9\d\d|x-euc|x-x-big5)/;
const LABEL = /^[\w.:+-]{1,40}$/;
/** ISO-2022-JP changes to a Japanese set with one of these. */
const ESCAPES = ['$@', '$B', '(I', '(J'].map((sign) => `\u001b${sign}`);

const decoded = (bytes: Uint8Array, label: string, fatal: boolean, stream: boolean): string | undefined => {
  try {
    return new TextDecoder(label, { fatal }).decode(bytes, { stream });
  } catch {
    return undefined;
  }
};

/** The charset that no look at the bytes could find out, or that only these bytes could be. */
function hidden(bytes: Buffer, declared: string): string | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  if (/^utf-?16|^ucs-?2|^iso-10646-ucs-2/.test(declared) && bytes.includes(0)) return declared;
  if (bytes.includes(0x1b) && declared.includes('2022')) return declared;
  if (ESCAPES.some((sequence) => bytes.includes(sequence))) return 'iso-2022-jp';
  return undefined;
}

/** A letter next to one of ASCII: "café" is UTF-8, whatever is declared. */
const EUROPEAN = /[a-z][\u0080-\u07ff]|[\u0080-\u07ff][a-z]/i;

const isAccident = (text: string, declared: string): boolean =>
  EAST_ASIAN.test(declared) && /[\u0080-\u07ff]/.test(text) && !/[\u0800-\uffff]/.test(text) && !EUROPEAN.test(text);

/** Never throws: what nothing fits is read as Windows-1252. `isCut`: the bytes may end within a character, which is no reason to doubt the charset. */
export function decodeText(bytes: Buffer, charset: string | undefined, decodeWords: DecodeWords, isCut = false): string {
  const declared = (charset ?? '').trim().toLowerCase();
  const named = hidden(bytes, declared);
  if (named) return inCharset(bytes, named, decodeWords, isCut);
  const text = decoded(bytes, 'utf-8', true, isCut);
  if (text === undefined) return /^utf-?8$|^$/.test(declared) ? damaged(bytes, isCut) : inCharset(bytes, declared, decodeWords, isCut);
  if (!isAccident(text, declared)) return text;
  const other = inCharset(bytes, declared, decodeWords, isCut);
  return other.includes('\ufffd') ? text : other;
}

/** UTF-8 with some bytes broken, or another charset that was called so: whichever has more whole characters. */
function damaged(bytes: Buffer, isCut: boolean): string {
  const text = decoded(bytes, 'utf-8', false, isCut) ?? '';
  const whole = text.match(/[\u0080-\ufffc]/g)?.length ?? 0;
  return whole > text.split('\ufffd').length - 1 ? text : (decoded(bytes, FALLBACK, false, isCut) ?? text);
}

function inCharset(bytes: Buffer, label: string, decodeWords: DecodeWords, isCut: boolean): string {
  if (!LABEL.test(label)) return decoded(bytes, FALLBACK, false, isCut) ?? '';
  // postal-mime knows names that TextDecoder does not (cp932, x-gbk-…); an encoded word is the way to them.
  return decoded(bytes, label, false, isCut) ?? decodeWords(`=?${label}?B?${bytes.toString('base64')}?=`);
}
