import type { Rotation } from '../../lib/oauth/rotate.ts';
import { defineCommand } from '../command.ts';
import { columns, oneLine } from '../table.ts';

export const rotateKeys = defineCommand({
  name: 'rotate-keys',
  summary: 'Encrypt the tokens of connected accounts under the first key of TOKEN_ENCRYPTION_KEY',
  details: [
    'Works on the database that the environment and .env files name, while everything runs; an embedded Hivepulse must be stopped first.',
    'First add the new key behind the old one everywhere, then put it first everywhere, then run this, then drop the old one.',
    'Exit code 1 when a token could not be opened.',
  ],
  examples: ['rotate-keys', 'rotate-keys --json'],
  async run(_, __, { env }) {
    // Loaded here alone: it brings the database's client along.
    const { rotate } = await import('../rotate-keys.ts');
    const rotation = await rotate(env);
    const ok = rotation.failed.length === 0;
    return { data: { ok, ...rotation }, text: describe(rotation), ok };
  },
});

function describe({ currentKeyId, resealed, current, failed, oldKeyIds }: Rotation): string {
  const counts = `Under the key ${currentKeyId}: ${accounts(resealed)} brought over now, ${accounts(current)} before.`;
  if (failed.length > 0)
    return [counts, '', `${accounts(failed.length)} could not be brought over:`, columns(failed.map(rowOf)), '', CURE].join('\n');
  if (oldKeyIds.length === 0) return counts;
  const old = oldKeyIds.join(', ');
  return `${counts}\n${old} may be dropped from TOKEN_ENCRYPTION_KEY once every process has ${currentKeyId} in front, and ten minutes after that (round trips under way).\nWas a process without it running until now? Then run this again first.`;
}

const rowOf = ({ connectionId, keyId, code }: Rotation['failed'][number]): string[] => [
  `  ${connectionId}`,
  oneLine(keyId === null ? 'key not known' : `needs the key ${keyId}`),
  code,
];

const CURE =
  'Keep all keys. unknown_token_key: put that key back into TOKEN_ENCRYPTION_KEY, behind the first, and run this again. token_damaged: its user must connect the account again.';

const accounts = (count: number): string => `${count} account${count === 1 ? '' : 's'}`;
