import { expect, it } from 'vitest';
import { type Access, allows, hasAccess } from '../../lib/oauth/access.ts';

const GOOGLE = 'https://www.googleapis.com/auth';
const GRAPH = 'https://graph.microsoft.com';

const cases: ['google' | 'microsoft', string, Access[]][] = [
  ['google', `openid ${GOOGLE}/gmail.readonly`, ['mail']],
  ['google', `${GOOGLE}/gmail.modify`, ['mail']],
  ['google', 'https://mail.google.com/', ['mail']],
  ['google', `${GOOGLE}/drive.readonly`, ['files']],
  ['google', `${GOOGLE}/drive ${GOOGLE}/gmail.readonly`, ['mail', 'files']],
  ['google', `openid email ${GOOGLE}/gmail.metadata ${GOOGLE}/gmail.send ${GOOGLE}/drive.file ${GOOGLE}/drive.metadata.readonly`, []],
  ['microsoft', 'openid profile Mail.Read', ['mail']],
  ['microsoft', `${GRAPH}/Mail.ReadWrite ${GRAPH}/Files.Read.All`, ['mail', 'files']],
  ['microsoft', 'mail.read sites.fullcontrol.all', ['mail', 'files']],
  ['microsoft', 'https://graph.microsoft.us/Sites.Read.All', ['files']],
  ['microsoft', 'User.Read Mail.ReadBasic Mail.Send Files.Read Sites.Selected offline_access', []],
  ['microsoft', 'https://example.com/Mail.Read', []],
  ['microsoft', `${GOOGLE}/gmail.readonly`, []],
];

it.each(cases)('at %s, %s allows %j', (provider, granted, expected) => {
  const account = { provider, scopes: granted.split(' ') };
  expect((['mail', 'files'] as const).filter((access) => allows(account, access))).toEqual(expected);
  expect((['mail', 'files'] as const).filter((access) => hasAccess(account, access))).toEqual(expected);
});

it('an account of which nobody knows what it allows is left to its provider to refuse', () => {
  const unknown = { provider: 'google' as const, scopes: [] };
  expect([hasAccess(unknown, 'mail'), hasAccess(unknown, 'files'), allows(unknown, 'mail')]).toEqual([true, true, false]);
});
