/** What an account is connected for, and which scopes allow it. Providers answer with what was granted, which may be less or more than was asked for. */
import type { Connection, Provider } from '../db/mail-types.ts';

export const ACCESS = ['mail', 'files'] as const;
/** What is asked of a user's account. */
export type Access = (typeof ACCESS)[number];

const GOOGLE = 'https://www.googleapis.com/auth';

/** Each of them is enough. Those that show an app's own files, or the heads of mails alone, are not among them. */
const ENOUGH: Readonly<Record<Provider, Readonly<Record<Access, readonly string[]>>>> = {
  google: {
    mail: [`${GOOGLE}/gmail.readonly`, `${GOOGLE}/gmail.modify`, 'https://mail.google.com/'],
    files: [`${GOOGLE}/drive.readonly`, `${GOOGLE}/drive`],
  },
  microsoft: {
    mail: ['Mail.Read', 'Mail.ReadWrite'],
    files: ['Files.Read.All', 'Files.ReadWrite.All', 'Sites.Read.All', 'Sites.ReadWrite.All', 'Sites.Manage.All', 'Sites.FullControl.All'],
  },
};

/** Whether these scopes allow it. */
export function allows({ provider, scopes }: Pick<Connection, 'provider' | 'scopes'>, access: Access): boolean {
  const granted = new Set(scopes.map(plain));
  return ENOUGH[provider][access].some((scope) => granted.has(plain(scope)));
}

/** As `allows`; an account of which nobody has written down what it allows is taken to allow all: its provider says so where it does not. */
export function hasAccess(connection: Pick<Connection, 'provider' | 'scopes'>, access: Access): boolean {
  return connection.scopes.length === 0 || allows(connection, access);
}

/** Microsoft may name a scope with or without its resource, in any case. */
const plain = (scope: string): string => scope.toLowerCase().replace(/^https:\/\/[a-z.-]*graph[a-z.-]*\//, '');
