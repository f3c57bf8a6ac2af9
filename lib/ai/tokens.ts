/** Longer runs of letters are no words but codes and encodings, of which vendors make more tokens. */
const LONGEST_WORD = 24;

/**
 * How many tokens a vendor will count, estimated on the high side: about 20 % above for English prose, more for other scripts.
 * Good enough to split lists and to reserve money; never used for billing where the vendor reports usage.
 */
export function estimateTokens(text: string): number {
  let tokens = 0;
  let word = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (isWordCharacter(code)) {
      word += 1;
      continue;
    }
    tokens += tokensOfWord(word) + tokensOfCharacter(code);
    word = 0;
  }
  return Math.ceil(tokens + tokensOfWord(word));
}

function tokensOfWord(length: number): number {
  if (length === 0) return 0;
  return length > LONGEST_WORD ? length / 1.5 : Math.ceil(length / 4);
}

function tokensOfCharacter(code: number): number {
  if (code === 0x20) return 0;
  if (code >= 0x30 && code <= 0x39) return 0.5;
  return code < 0x80 ? 1 : 1.5;
}

function isWordCharacter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);
}
