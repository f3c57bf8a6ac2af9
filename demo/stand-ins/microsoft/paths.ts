/** Graph's paths in their several spellings, brought to one. */
export interface GraphPath {
  /** Decoded, in their own case. */
  segments: readonly string[];
  /** Of `root:/a/b.txt:` and `sites/{host}:/sites/nova:`; `segments` go on behind it. */
  byPath: { before: readonly string[]; path: string } | undefined;
  /** Of `delta(token='…')`. */
  token: string | undefined;
}

/** `path` without `/v1.0`. */
export function parsePath(path: string): GraphPath {
  const token = /\/(?:microsoft\.graph\.)?delta\(token='([^']*)'\)$/i.exec(path)?.[1];
  const plain = path
    .replace(/\/(?:microsoft\.graph\.)?delta(\((token='[^']*')?\))?$/i, '/delta')
    .replaceAll(/\('([^']*)'\)/g, '/$1')
    .replaceAll(/%3a/gi, ':');
  const colon = /^([^:]+):(\/[^:]*)(?::(\/.*)?)?$/.exec(plain);
  if (!colon) return { segments: segmentsOf(plain), byPath: undefined, token };
  const [, before = '', named = '', after = ''] = colon;
  return { segments: segmentsOf(after), byPath: { before: segmentsOf(before), path: decode(named) }, token };
}

const segmentsOf = (path: string): string[] => path.split('/').filter(Boolean).map(decode);

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const same = (segment: string | undefined, word: string): boolean => segment?.toLowerCase() === word.toLowerCase();
