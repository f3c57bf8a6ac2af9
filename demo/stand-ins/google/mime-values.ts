/** Values of MIME headers: parameters (RFC 2045, 2231) and encoded words (RFC 2047). */

export interface Parameters {
  /** In lower case. */
  value: string;
  /** Names in lower case. */
  parameters: Readonly<Record<string, string>>;
}

export function parameters(header: string): Parameters {
  const value = (/^[^;]*/.exec(header)?.[0] ?? '').trim().toLowerCase();
  const found: Record<string, string> = {};
  const pieces: Record<string, string> = {};
  for (const [, name = '', quoted, plain = ''] of header.matchAll(/;\s*([^\s=;]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))/g)) {
    const text = quoted?.replace(/\\(.)/g, '$1') ?? plain.trim();
    const [, base = '', isEncoded] = /^([^*]+)(?:\*\d+)?(\*)?$/.exec(name.toLowerCase()) ?? [];
    if (base === name.toLowerCase()) found[base] ??= text;
    else pieces[base] = (pieces[base] ?? '') + (isEncoded ? percentDecoded(text) : text);
  }
  return { value, parameters: { ...found, ...pieces } };
}

/** `charset'language'text`; pieces after the first have no charset. */
function percentDecoded(text: string): string {
  const [, charset = 'utf-8', encoded = text] = /^([^']*)'[^']*'(.*)$/.exec(text) ?? [];
  const bytes = encoded.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return decodeText(Buffer.from(bytes, 'latin1'), charset);
}

export function decodeWords(text: string): string {
  return text
    .replace(/(\?=)\s+(=\?)/g, '$1$2')
    .replace(/=\?([^?*]+)(?:\*[^?]*)?\?([bq])\?([^?]*)\?=/gi, (_, charset: string, kind: string, word: string) => {
      const bytes = kind.toLowerCase() === 'b' ? Buffer.from(word, 'base64') : Buffer.from(unquoted(word), 'latin1');
      return decodeText(bytes, charset);
    });
}

function unquoted(word: string): string {
  return word.replaceAll('_', ' ').replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** An unknown charset is read as UTF-8. */
export function decodeText(bytes: Buffer, charset: string): string {
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes);
  }
}
