import { expect, it } from 'vitest';
import { fingerprintOf } from '../../lib/db/fingerprint.ts';

const fingerprint = (error: string, queue = 'story-enhancement', name = 'enhance') => fingerprintOf({ queue, name, error });

it.each([
  ['Story 1 does not exist', 'Story 22 does not exist'],
  ['Story 5f2f6f3e-8a8d-4a34-9a0f-6a2e1d3f4b5c does not exist', 'Story 00000000-0000-4000-8000-000000000000 does not exist'],
  ['Field "title" is missing', 'Field "content" is missing'],
  ["Can't read 'a b'", "Can't read 'c'"],
  ['POST https://api.example.com/v1/x?y=1 failed', 'POST https://other.example.com/ failed'],
  ['Waited 1.5 s until 2026-11-22T01:02:03.456Z', 'Waited 12 s until 2027-01-01T00:00:00Z'],
  ['Key abcdef0123456789abcdef was refused', 'Key 0123456789abcdef012345 was refused'],
  ['No mail for ann@example.com', 'No mail for bob.b@mail.example.org'],
  ['Refused\n    at line 1', 'Refused\n    at line 2'],
])('is the same for %j and %j', (one, other) => {
  expect(fingerprint(one)).toBe(fingerprint(other));
});

it('tells errors, kinds and queues apart', () => {
  const all = [
    fingerprint('Timed out'),
    fingerprint('Refused'),
    fingerprint('Timed out', 'review-ai'),
    fingerprint('Timed out', 'story-enhancement', 'other'),
  ];
  expect(new Set(all).size).toBe(all.length);
});

it('is stable: stored ones are compared with later ones', () => {
  expect(fingerprint('Story 1 does not exist')).toMatch(/^[0-9a-f]{16}$/);
  expect(fingerprint('Story 1 does not exist')).toBe('1e8a7bf3a68043e6');
});
