import { describe, expect, it } from 'vitest';
import { createVault, tokenContext } from '../../lib/oauth/vault.ts';
import { newKey } from './world.ts';

const owner = { userId: '5f8d6a2e-3c4b-4a5d-8e9f-0a1b2c3d4e5f', provider: 'google', accountId: '1234' } as const;
const context = tokenContext(owner, 'access');
const SECRET = 'ya29.a-very-secret-token';

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(JSON.stringify([error, String(error), error instanceof Error ? error.cause : ''])).not.toContain(SECRET);
    if (typeof error === 'object' && error !== null && 'code' in error) return String(error.code);
  }
  throw new Error('it did not throw as it should');
}

describe('the vault', () => {
  it('opens what it has sealed, for its place alone', () => {
    const vault = createVault([newKey('one')]);
    const sealed = vault.seal(SECRET, context);
    expect(vault.open(sealed, context)).toBe(SECRET);
    expect(vault.keyIdOf(sealed)).toBe('one');
    expect(sealed).toMatch(/^v1\.one\.[\w-]+$/);
    const places = [
      tokenContext(owner, 'refresh'),
      tokenContext({ ...owner, userId: '00000000-0000-4000-8000-000000000000' }, 'access'),
      tokenContext({ ...owner, accountId: '1235' }, 'access'),
      tokenContext({ ...owner, provider: 'microsoft' }, 'access'),
      [...context.slice(0, -2), `${context.at(-2)}${context.at(-1)}`],
    ];
    for (const place of places) expect(codeOf(() => vault.open(sealed, place))).toBe('token_damaged');
  });

  it('keeps texts of any kind, and never seals the same way twice', () => {
    const vault = createVault([newKey('one')]);
    for (const text of ['', 'ü€😀', 'x'.repeat(10_000)]) expect(vault.open(vault.seal(text, context), context)).toBe(text);
    expect(vault.seal(SECRET, context)).not.toBe(vault.seal(SECRET, context));
  });

  it('notices every changed letter', () => {
    const vault = createVault([newKey('one')]);
    const sealed = vault.seal(SECRET, context);
    const start = 'v1.one.'.length;
    for (let at = start; at < sealed.length - 1; at += 1) {
      const other = sealed[at] === 'A' ? 'B' : 'A';
      expect(codeOf(() => vault.open(sealed.slice(0, at) + other + sealed.slice(at + 1), context))).toBe('token_damaged');
    }
    for (const broken of ['', 'v1.one.', 'v2.one.AAAA', sealed.slice(0, -4), sealed.slice(0, 20), SECRET]) {
      expect(codeOf(() => vault.open(broken, context))).toBe('token_damaged');
      if (!broken.startsWith('v1.one.') || broken.length < 30) expect(codeOf(() => vault.keyIdOf(broken))).toBe('token_damaged');
    }
  });

  it('opens under every key it holds, seals under the first, and names the one it misses', () => {
    const [old, current] = [newKey('old'), newKey('new')];
    const sealed = createVault([old]).seal(SECRET, context);
    const both = createVault([current, old]);
    expect(both.open(sealed, context)).toBe(SECRET);
    expect(both.keyIdOf(both.seal(SECRET, context))).toBe('new');
    const later = createVault([current]);
    expect(codeOf(() => later.open(sealed, context))).toBe('unknown_token_key');
    expect(() => later.open(sealed, context)).toThrow(/under the key "old".*it holds: new.*add old:<key>/);
    // The id is part of what is authenticated: another key of the same name does not pass for it.
    expect(codeOf(() => createVault([newKey('old')]).open(sealed, context))).toBe('token_damaged');
    expect(codeOf(() => createVault([{ ...old, id: 'new' }]).open(sealed.replace('v1.old.', 'v1.new.'), context))).toBe('token_damaged');
  });

  it('says what to set where there is no key, and refuses keys of another length', () => {
    const none = createVault([]);
    expect(none.currentKeyId).toBeUndefined();
    expect(() => none.seal(SECRET, context)).toThrow(/set TOKEN_ENCRYPTION_KEY .*openssl rand -base64 32/);
    expect(codeOf(() => none.seal(SECRET, context))).toBe('token_key_missing');
    expect(codeOf(() => createVault([{ id: 'short', key: 'AAAA' }]))).toBe('token_key_invalid');
    expect(codeOf(() => createVault([newKey('twice'), newKey('twice')]))).toBe('token_key_invalid');
  });
});
