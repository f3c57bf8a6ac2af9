/** The part of Gmail's search language that is documented here in README.md. All terms must hold. */
import type { StoredMail } from './mailbox.ts';
import { textOf } from './message.ts';
import { parseMime } from './mime.ts';
import { decodeWords } from './mime-values.ts';

export type Test = (mail: StoredMail) => boolean;

const LABELS: Readonly<Record<string, string>> = { unread: 'UNREAD', starred: 'STARRED', important: 'IMPORTANT', inbox: 'INBOX' };

/** The terms that look only at labels and times come first: the others read the mail. */
export function parseQuery(query: string): Test {
  const terms = [...query.matchAll(/(-?)(?:([a-z_]+):)?(?:"([^"]*)"|(\S+))/gi)].map(([, minus, field = '', quoted, plain]) => {
    const { cheap, test } = testOf(field.toLowerCase(), quoted ?? plain ?? '');
    return { cheap, test: minus ? (mail: StoredMail) => !test(mail) : test };
  });
  const tests = [...terms.filter(({ cheap }) => cheap), ...terms.filter(({ cheap }) => !cheap)];
  return (mail) => tests.every(({ test }) => test(mail));
}

function testOf(field: string, value: string): { cheap: boolean; test: Test } {
  const label = labelTest(field, value);
  if (label) return { cheap: true, test: label };
  const time = timeTest(field, value);
  if (time) return { cheap: true, test: time };
  return { cheap: false, test: (mail) => containsWords(searched(mail, field), value) };
}

function labelTest(field: string, value: string): Test | undefined {
  if (field === 'is' && value === 'read') return ({ labelIds }) => !labelIds.includes('UNREAD');
  const label = field === 'is' ? LABELS[value.toLowerCase()] : field === 'label' || field === 'in' ? value : undefined;
  if (label === undefined) return undefined;
  if (field === 'in' && label === 'anywhere') return () => true;
  return ({ labelIds }) => labelIds.some((id) => id.toLowerCase() === label.toLowerCase());
}

/** `2026/11/22` or `2026-11-22` (midnight UTC), or seconds since the epoch. */
function timeTest(field: string, value: string): Test | undefined {
  if (field !== 'after' && field !== 'before') return undefined;
  const time = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(`${value.replaceAll('/', '-')}T00:00:00Z`);
  return field === 'after' ? ({ receivedAt }) => receivedAt >= time : ({ receivedAt }) => receivedAt < time;
}

function searched(mail: StoredMail, field: string): string {
  const root = parseMime(mail.read());
  const header = (name: string): string => decodeWords(root.headers.find((one) => one.name.toLowerCase() === name)?.value ?? '');
  if (field !== '') return header(field);
  return [header('from'), header('to'), header('subject'), textOf(root)].join('\n');
}

/** Whole words, in their order where there are several. */
function containsWords(text: string, words: string): boolean {
  const plain = (value: string): string =>
    ` ${
      value
        .toLowerCase()
        .match(/[\p{L}\p{N}]+/gu)
        ?.join(' ') ?? ''
    } `;
  return plain(text).includes(plain(words));
}

/** As the includeSpamTrash parameter decides, unless the query itself looks there. */
export function searchesSpamOrTrash(query: string): boolean {
  return /\b(in|label):"?(spam|trash|anywhere)\b/i.test(query);
}
