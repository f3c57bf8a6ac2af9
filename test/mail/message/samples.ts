import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describeMail } from '../../../demo/stand-ins/google/message.ts';
import type { GmailMessage } from '../../../lib/mail/contract.ts';

const folder = join(import.meta.dirname, '../../fixtures/mail');

/** Not of the samples: what is said about them. */
const NOTES = new Set(['README.md', '.gitattributes']);

/** Every sample, by its path in `test/fixtures/mail`. */
export function readSamples(): { name: string; eml: Buffer }[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && !NOTES.has(entry.name));
  return entries
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({ name: relative(folder, path), eml: readFileSync(path) }));
}

/** As Gmail would hand it out. */
export function asGmailMessage(eml: Buffer): GmailMessage {
  return describeMail({ id: '18c2', threadId: '18c1', labelIds: ['INBOX'], historyId: 7n, receivedAt: 1_700_000_000_000, read: () => eml }, 'full');
}
