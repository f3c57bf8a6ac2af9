/** Gmail as a source: ids by listing and by history, mails in batches, on the mailbox that the Gmail fetch has (`lib/mail`). */
import { z } from 'zod';
import { type Connector, ItemError, type SourceKind } from '../contract.ts';
import { followMailbox } from './changes.ts';
import { listMailbox } from './listing.ts';
import { BATCH, readMails } from './read.ts';
import { type GmailSettings, type Scope, scopeOf } from './scope.ts';

const settings: z.ZodType<GmailSettings> = z.strictObject({
  labelIds: z.array(z.string().trim().min(1).max(300)).max(20).optional(),
  query: z.string().trim().min(1).max(1_000).optional(),
});

export const gmail: SourceKind<GmailSettings> & { type: 'gmail' } = {
  type: 'gmail',
  label: 'Gmail',
  provider: 'google',
  access: 'mail',
  settings,
  connect: async ({ connectionId, settings: of, signal }, { mailboxes }) => {
    const mailbox = mailboxes.open(connectionId, signal);
    let known: Promise<Scope> | undefined;
    const scope = (): Promise<Scope> => {
      known ??= scopeOf(of, mailbox);
      return known;
    };
    const connector: Connector = {
      full: (cursor) => listMailbox(mailbox, scope, cursor),
      changes: (cursor) => followMailbox({ mailbox, scope, searches: of.query !== undefined }, cursor),
      open: async () => {
        throw new ItemError('A mailbox holds mails and no documents');
      },
      readEmails: async (items) =>
        readMails(
          items.map(({ ref }) => ref),
          mailbox,
          await scope(),
          signal,
        ),
      parallel: 1,
      emailsAtOnce: BATCH,
      get calls() {
        return mailbox.spent.calls;
      },
    };
    return connector;
  },
};
