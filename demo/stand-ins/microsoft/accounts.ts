/** Users, each with a drive and a mailbox. */
import type { MicrosoftAccount } from './contract.ts';
import { createDrive, type Drive } from './drive.ts';
import { guidOf } from './ids.ts';
import { createMailbox, type Mailbox } from './mailbox.ts';

export interface Account extends MicrosoftAccount {
  drive: Drive;
  mailbox: Mailbox;
}

export function createAccount(given: string, now: () => number): Account {
  const email = given.toLowerCase();
  const webUrl = `https://contoso-my.sharepoint.com/personal/${email.replaceAll(/[^a-z0-9]/g, '_')}/Documents`;
  const drive = createDrive({ name: 'OneDrive', webUrl, driveType: 'business', siteId: undefined, owner: email, now });
  return { email, drive, mailbox: createMailbox(email, now) };
}

/** By address or id. */
export function findAccount(accounts: ReadonlyMap<string, Account>, given: string): Account {
  const found = accounts.get(given.toLowerCase()) ?? [...accounts.values()].find(({ email }) => guidOf('user', email) === given);
  if (!found) throw new Error(`The stand-in for Microsoft has no account ${given}`);
  return found;
}
