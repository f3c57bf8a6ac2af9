/** Made-up mails, cheap by the thousand: each is written when it is read. */
import type { Mail } from './mail.ts';
import { createRandom } from './random.ts';

const PEOPLE = ['Ada Kruse', 'Ben Okafor', 'Chloé Martin', 'Deniz Yıldız', 'Elena Rossi', 'Finn Larsen', 'Grace Li', 'Hugo Bauer'] as const;
const MATTERS = ['Budget', 'Hiring plan', 'Launch date', 'Customer visit', 'Invoice', 'Security review', 'Roadmap', 'Offsite'] as const;
const VERBS = ['approve', 'read', 'send back', 'discuss', 'postpone', 'sign'] as const;
const DETAILS = ['before Friday', 'when you have a minute', 'with the team', 'once legal has answered', 'for the next quarter'] as const;

const READ = ['INBOX', 'CATEGORY_PERSONAL'] as const;
const UNREAD = ['UNREAD', 'INBOX', 'CATEGORY_PERSONAL'] as const;
const SENT = ['SENT'] as const;
const LABELS = [READ, READ, READ, UNREAD, SENT] as const;

export interface GenerateOptions {
  /** When the newest came, in milliseconds since the epoch. Default 2026-11-20, noon UTC. */
  newest?: number;
  /** Between one mail and the next. Default 10 minutes. */
  spacingMs?: number;
}

/** Newest first; the same for the same seed. */
export function generate(count: number, seed = 1, { newest = Date.UTC(2026, 10, 20, 12), spacingMs = 600_000 }: GenerateOptions = {}): Mail[] {
  return Array.from({ length: count }, (_, index): Mail => {
    const receivedAt = newest - index * spacingMs;
    const labelIds = LABELS[(index * 7 + seed) % LABELS.length] ?? READ;
    const mail: Mail = { eml: () => writeMail(index, seed, receivedAt), receivedAt, labelIds };
    // Every fifth belongs to one conversation with its neighbour.
    return index % 5 < 2 ? { ...mail, threadKey: `thread-${seed}-${Math.floor(index / 5)}` } : mail;
  });
}

function writeMail(index: number, seed: number, receivedAt: number): string {
  const random = createRandom(seed * 1_000_003 + index);
  const pick = <T>(values: readonly [T, ...T[]]): T => values[Math.floor(random() * values.length)] ?? values[0];
  const from = pick(PEOPLE);
  const subject = `${pick(MATTERS)} ${seed}-${index}`;
  const sentences = Array.from(
    { length: 3 + Math.floor(random() * 6) },
    () => `Could you ${pick(VERBS)} the ${pick(MATTERS).toLowerCase()} ${pick(DETAILS)}?`,
  );
  const text = `Hello,\r\n\r\n${sentences.join(' ')}\r\n\r\nBest,\r\n${from}\r\n`;
  const html = `<html><body><p>Hello,</p><p>${sentences.join(' ')}</p><p>Best,<br>${from}</p></body></html>`;
  return [
    `From: =?UTF-8?B?${Buffer.from(from).toString('base64')}?= <${from
      .split(' ')[0]
      ?.normalize('NFD')
      .replace(/[^A-Za-z]/g, '')
      .toLowerCase()}@example.com>`,
    'To: Me <me@example.com>',
    `Subject: ${subject}`,
    `Date: ${new Date(receivedAt).toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${seed}.${index}@example.com>`,
    'MIME-Version: 1.0',
    'Content-Type: multipart/alternative; boundary="alternative"',
    '',
    ...[['plain', text] as const, ['html', html] as const].map(
      ([type, body]) =>
        `--alternative\r\nContent-Type: text/${type}; charset=UTF-8\r\nContent-Transfer-Encoding: base64\r\n\r\n${lines(Buffer.from(body).toString('base64'))}`,
    ),
    '--alternative--',
    '',
  ].join('\r\n');
}

function lines(base64: string): string {
  return base64.replace(/.{76}/g, '$&\r\n');
}
