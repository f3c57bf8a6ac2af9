/**
 * Walks through the XML of office files as it comes, in pieces of any size: sheets may be longer than a string can be. Prefixes of names are left off;
 * entities of a document type are not expanded, since no office program writes any.
 */
import { corrupt } from './failures.ts';

export interface XmlHandler {
  open(name: string, attribute: (name: string) => string | undefined): void;
  close(name: string): void;
  text(text: string): void;
}

export interface XmlScanner {
  write(piece: string): void;
}

/** A tag, comment or stretch of CDATA may be so long. */
const LONGEST_TAG = 2 ** 20;
const TAG =
  /<(?:!--[\s\S]*?-->|!\[CDATA\[([\s\S]*?)\]\]>|\?[\s\S]*?\?>|![^>]*>|(\/?)([^\s/>!?][^\s/>]*)((?:[^"'/>]|"[^"]*"|'[^']*'|\/(?!>))*)(\/?)>)/y;
const ATTRIBUTE = /([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;

export function createXmlScanner(handler: XmlHandler): XmlScanner {
  let rest = '';

  function tag(at: number): number {
    TAG.lastIndex = at;
    const found = TAG.exec(rest);
    if (!found) return at;
    const [, data, closing, name, attributes = '', empty] = found;
    if (data !== undefined) handler.text(data);
    if (name !== undefined) element(localName(name), attributes, closing === '/', empty === '/');
    return TAG.lastIndex;
  }

  function element(name: string, attributes: string, isClosing: boolean, isEmpty: boolean): void {
    if (!isClosing) handler.open(name, (wanted) => attributeOf(attributes, wanted));
    if (isClosing || isEmpty) handler.close(name);
  }

  return {
    write(piece) {
      rest += piece;
      let at = 0;
      for (;;) {
        const next = rest.indexOf('<', at);
        if (next < 0) break;
        if (next > at) handler.text(decodeEntities(rest.slice(at, next)));
        at = next;
        const end = tag(next);
        if (end === next) break;
        at = end;
      }
      rest = rest.slice(at);
      if (rest.length > LONGEST_TAG) throw corrupt('its XML is broken');
    },
  };
}

/** Scans a whole part. */
export async function scanXml(parts: AsyncIterable<string> | Iterable<string>, handler: XmlHandler): Promise<void> {
  const scanner = createXmlScanner(handler);
  for await (const part of parts) scanner.write(part);
}

const localName = (name: string): string => name.slice(name.indexOf(':') + 1);

function attributeOf(attributes: string, wanted: string): string | undefined {
  for (const [, name = '', double, single] of attributes.matchAll(ATTRIBUTE)) {
    if (name === wanted || localName(name) === wanted) return decodeEntities(double ?? single ?? '');
  }
  return undefined;
}

const NAMED: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:#x([\da-f]{1,6})|#(\d{1,7})|(\w{2,4}));/gi, (whole, hex?: string, decimal?: string, name = '') => {
    const code = hex ? Number.parseInt(hex, 16) : Number(decimal);
    if (hex || decimal) return code <= 0x10ffff ? String.fromCodePoint(code) : '';
    return NAMED[name] ?? whole;
  });
}
