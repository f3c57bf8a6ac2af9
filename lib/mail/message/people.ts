import type { Address, Mailbox } from 'postal-mime';
import type { MailMessage, Person } from '../../db/mail-types.ts';
import type { DecodeWords } from './charset.ts';
import type { Headers } from './headers.ts';
import { LONGEST_HEADER, LONGEST_NAME, MOST_GROUPS, MOST_PEOPLE } from './limits.ts';
import { cut, oneLine } from './storable.ts';

export interface AddressTools {
  addressParser: (text: string) => Address[];
  decodeWords: DecodeWords;
}

/** Everybody that the headers of this name tell of; members of groups one by one. */
function readPeople(headers: Headers, name: string, { addressParser, decodeWords }: AddressTools): Person[] {
  const value = withFewGroups(headers.rawAll(name).join(', ').slice(0, LONGEST_HEADER));
  const mailboxes = mailboxesOf(addressParser(value));
  // The parser does not look for comments within an address.
  const isCommented = mailboxes.some(({ address, name }) => /[()]/.test(address || name));
  const clean = isCommented ? mailboxesOf(addressParser(withoutComments(value))) : mailboxes;
  return clean.slice(0, MOST_PEOPLE).flatMap((mailbox) => personOf(mailbox, decodeWords) ?? []);
}

const mailboxesOf = (addresses: Address[]): Mailbox[] => addresses.flatMap((address) => address.group ?? [address]);

function withFewGroups(value: string): string {
  let left = MOST_GROUPS;
  return value.replace(/:/g, (colon) => (left-- > 0 ? colon : ' '));
}

const QUOTED_OR_BRACKET = /"(?:[^"\\]|\\.)*"|\\.|[()]/gs;

/** Comments may hold comments, and quotes may hold brackets. */
function withoutComments(value: string): string {
  let depth = 0;
  let end = 0;
  let kept = '';
  for (const { 0: found, index } of value.matchAll(QUOTED_OR_BRACKET)) {
    if (depth === 0) kept += value.slice(end, found === '(' || found === ')' ? index : index + found.length);
    depth = Math.max(0, depth + (found === '(' ? 1 : found === ')' ? -1 : 0));
    end = index + found.length;
  }
  return kept + value.slice(end);
}

/** What is no address is kept as it is: somebody was meant. */
function personOf({ name, address }: Mailbox, decodeWords: DecodeWords): Person | undefined {
  const readable = cut(oneLine(decodeWords(name)), LONGEST_NAME);
  const plain = cut(oneLine(decodeWords(address)), LONGEST_NAME);
  if (!plain) return readable ? { name: null, address: readable } : undefined;
  return { name: readable || null, address: plain.includes('@') ? plain.toLowerCase() : plain };
}

export function readEverybody(headers: Headers, tools: AddressTools): Pick<MailMessage, 'fromName' | 'fromAddress' | 'people'> {
  const from = readPeople(headers, 'from', tools)[0] ?? readPeople(headers, 'sender', tools)[0];
  return {
    fromName: from?.name ?? null,
    fromAddress: from?.address ?? null,
    people: {
      to: readPeople(headers, 'to', tools),
      cc: readPeople(headers, 'cc', tools),
      bcc: readPeople(headers, 'bcc', tools),
      replyTo: readPeople(headers, 'reply-to', tools),
    },
  };
}
