/** A text as it is compared: what varies between copies of the same words is left out or made equal. */
export interface Letters {
  /** Code points. */
  codes: Uint32Array;
  /** Where each stands in the text: its character's beginning and end, in UTF-16 units. */
  starts: Uint32Array;
  ends: Uint32Array;
}

/** Pages break lines and words where they please, so that neither white space nor hyphens say anything; controls, soft hyphens and joiners are not seen. */
const UNSEEN = /[\s\p{Cc}\p{Cf}\p{Pd}\u2212]/u;
const QUOTATION_MARKS = /[\p{Pi}\p{Pf}"'`´‚„′″]/u;

const QUOTATION_MARK = 0x27;

export function lettersOf(text: string): Letters {
  const codes: number[] = [];
  const starts: number[] = [];
  const ends: number[] = [];
  for (let at = 0; at < text.length; ) {
    const code = text.codePointAt(at) ?? 0;
    const end = at + (code > 0xffff ? 2 : 1);
    for (const each of code < 0x80 ? ascii(code) : comparable(code)) {
      codes.push(each);
      starts.push(at);
      ends.push(end);
    }
    at = end;
  }
  return { codes: Uint32Array.from(codes), starts: Uint32Array.from(starts), ends: Uint32Array.from(ends) };
}

function comparable(code: number): number[] {
  // Half of a pair has no character.
  if (code >= 0xd800 && code <= 0xdfff) return [code];
  const character = String.fromCodePoint(code);
  if (UNSEEN.test(character)) return [];
  if (QUOTATION_MARKS.test(character)) return [QUOTATION_MARK];
  return Array.from(character.normalize('NFKD'), (each) => each.codePointAt(0) ?? 0).filter((each) => each > 0x20);
}

const ASCII = Array.from({ length: 0x80 }, (_, code) => comparable(code));
const ascii = (code: number): readonly number[] => ASCII[code] ?? [];
