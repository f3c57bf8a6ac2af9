import { randomUUID } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import type { Store } from '../../../lib/queue/store/types.ts';

/** What the store promises, the same on every backend. `store` is asked for in each test: servers start in `beforeAll`. */
export function storeSuite(store: () => Store): void {
  const key = (name: string) => `${name}:${randomUUID()}`;

  describe('limited until', () => {
    it('is 0 for a key nobody limited', async () => {
      expect(await store().limitedUntil(key('provider'))).toBe(0);
    });

    it('answers the time that was set', async () => {
      const provider = key('provider');
      const until = Date.now() + 60_000;
      await store().limit(provider, until);
      expect(await store().limitedUntil(provider)).toBe(until);
    });

    it('is never shortened, also when many set it at once', async () => {
      const provider = key('provider');
      const latest = Date.now() + 60_000;
      await Promise.all(Array.from({ length: 20 }, (_, index) => store().limit(provider, latest - ((index * 7) % 20) * 1_000)));
      await store().limit(provider, latest - 30_000);
      expect(await store().limitedUntil(provider)).toBe(latest);
    });

    it('frees the key when the time has come', async () => {
      const provider = key('provider');
      await store().limit(provider, Date.now() + 30);
      await vi.waitFor(async () => expect(await store().limitedUntil(provider)).toBe(0));
    });

    it('takes no notice of a time gone by', async () => {
      const provider = key('provider');
      await store().limit(provider, Date.now() - 1_000);
      expect(await store().limitedUntil(provider)).toBe(0);
    });
  });

  describe('token bucket', () => {
    it('starts full and tells how long until enough has come back', async () => {
      const account = key('account');
      const bucket = { capacity: 10, refillPerSecond: 0.5 };
      expect(await store().takeTokens(account, bucket, 10)).toEqual({ taken: true });
      const answer = await store().takeTokens(account, bucket, 5);
      expect(answer).toEqual({ taken: false, waitMs: expect.any(Number) });
      if (!answer.taken) expect(answer.waitMs).toBeGreaterThan(5_000);
      if (!answer.taken) expect(answer.waitMs).toBeLessThanOrEqual(10_000);
    });

    it('never spends more than it holds under 50 concurrent takers', async () => {
      const bucket = { capacity: 100, refillPerSecond: 0.001 };
      for (const account of ['a', 'b', 'c', 'd', 'e'].map(key)) {
        const answers = await Promise.all(Array.from({ length: 50 }, () => store().takeTokens(account, bucket, 7)));
        expect(answers.filter(({ taken }) => taken)).toHaveLength(14);
      }
    });

    it('fills again with time', async () => {
      const account = key('account');
      const bucket = { capacity: 5, refillPerSecond: 200 };
      expect(await store().takeTokens(account, bucket, 5)).toEqual({ taken: true });
      await vi.waitFor(async () => expect(await store().takeTokens(account, bucket, 5)).toEqual({ taken: true }));
    });

    it('refuses a cost that could never be taken', async () => {
      await expect(store().takeTokens(key('account'), { capacity: 5, refillPerSecond: 1 }, 6)).rejects.toThrow(RangeError);
      await expect(store().takeTokens(key('account'), { capacity: 5, refillPerSecond: 0 }, 1)).rejects.toThrow(RangeError);
    });
  });

  describe('semaphore', () => {
    const lease = { limit: 3, leaseMs: 60_000 };

    it('lets no more in than its limit when 30 ask at once', async () => {
      for (const place of ['a', 'b', 'c', 'd', 'e'].map(key)) {
        const answers = await Promise.all(Array.from({ length: 30 }, (_, index) => store().acquire(place, `holder-${index}`, lease)));
        expect(answers.filter(Boolean)).toHaveLength(3);
      }
    });

    it('lets a holder renew, and the next one in after a release', async () => {
      const place = key('place');
      const one = { limit: 1, leaseMs: 60_000 };
      expect(await store().acquire(place, 'first', one)).toBe(true);
      expect(await store().acquire(place, 'second', one)).toBe(false);
      expect(await store().acquire(place, 'first', one)).toBe(true);
      await store().release(place, 'second');
      expect(await store().acquire(place, 'second', one)).toBe(false);
      await store().release(place, 'first');
      expect(await store().acquire(place, 'second', one)).toBe(true);
    });

    it('frees the place of a holder whose lease ran out', async () => {
      const place = key('place');
      expect(await store().acquire(place, 'crashed', { limit: 1, leaseMs: 20 })).toBe(true);
      await vi.waitFor(async () => expect(await store().acquire(place, 'next', { limit: 1, leaseMs: 60_000 })).toBe(true));
      expect(await store().acquire(place, 'crashed', { limit: 1, leaseMs: 60_000 })).toBe(false);
    });
  });

  describe('flags', () => {
    it('reads many at once, in the order asked', async () => {
      const [raised, never, cleared] = [key('flag'), key('flag'), key('flag')];
      await store().setFlag(raised, 'user asked', 60_000);
      await store().setFlag(cleared, 'x', 60_000);
      await store().clearFlag(cleared);
      expect(await store().flags([never, raised, cleared, raised])).toEqual([undefined, 'user asked', undefined, 'user asked']);
    });

    it('answers an empty list for no keys', async () => {
      expect(await store().flags([])).toEqual([]);
    });

    it('keeps the last value, and drops it when its time is over', async () => {
      const flag = key('flag');
      await store().setFlag(flag, 'first', 60_000);
      await store().setFlag(flag, 'second', 60_000);
      expect(await store().flags([flag])).toEqual(['second']);
      await store().setFlag(flag, 'third', 20);
      await vi.waitFor(async () => expect(await store().flags([flag])).toEqual([undefined]));
    });
  });

  describe('single flight', () => {
    it('has exactly one leader when 20 ask at once', async () => {
      for (const flight of ['a', 'b', 'c', 'd', 'e'].map(key)) {
        const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => store().lead(flight, `holder-${index}`, 60_000)));
        expect(answers.map(({ role }) => role).toSorted()).toEqual(['leader', ...Array.from({ length: 19 }, () => 'pending')]);
      }
    });

    it("gives the others the leader's value, until its time is over", async () => {
      const flight = key('flight');
      await store().lead(flight, 'leader', 60_000);
      expect(await store().publish(flight, 'leader', 'the answer', 60_000)).toBe(true);
      expect(await store().lead(flight, 'other', 60_000)).toEqual({ role: 'follower', value: 'the answer' });
      expect(await store().publish(flight, 'leader', 'again', 20)).toBe(true);
      await vi.waitFor(async () => expect((await store().lead(flight, 'other', 60_000)).role).toBe('leader'));
    });

    it('lets the leader renew without a new fence', async () => {
      const flight = key('flight');
      const first = await store().lead(flight, 'leader', 60_000);
      expect(await store().lead(flight, 'leader', 60_000)).toEqual(first);
    });

    it('gives each new leader a higher fence, and publishes nothing of one who lost the lease', async () => {
      const flight = key('flight');
      const first = await store().lead(flight, 'slow', 20);
      const second = await vi.waitFor(async () => {
        const answer = await store().lead(flight, 'next', 60_000);
        if (answer.role !== 'leader') throw new Error('not yet');
        return answer;
      });
      expect(first).toEqual({ role: 'leader', fence: expect.any(Number) });
      if (first.role === 'leader') expect(second.fence).toBeGreaterThan(first.fence);
      expect(await store().publish(flight, 'slow', 'late', 60_000)).toBe(false);
      expect(await store().lead(flight, 'third', 60_000)).toEqual({ role: 'pending' });
    });

    it('lets a slow leader publish while nobody has taken over', async () => {
      const flight = key('flight');
      const other = key('flight');
      await store().lead(flight, 'slow', 1);
      await store().lead(other, 'slow', 1);
      // The lease of the second is over once somebody else can have it, and the first one's was as long.
      await vi.waitFor(async () => expect((await store().lead(other, 'next', 60_000)).role).toBe('leader'));
      expect(await store().publish(flight, 'slow', 'late but first', 60_000)).toBe(true);
    });

    it('can be given up by its leader alone', async () => {
      const flight = key('flight');
      const first = await store().lead(flight, 'leader', 60_000);
      await store().abandon(flight, 'somebody');
      expect(await store().lead(flight, 'other', 60_000)).toEqual({ role: 'pending' });
      await store().abandon(flight, 'leader');
      const next = await store().lead(flight, 'other', 60_000);
      expect(next.role).toBe('leader');
      if (next.role === 'leader' && first.role === 'leader') expect(next.fence).toBeGreaterThan(first.fence);
      expect(await store().publish(flight, 'leader', 'too late', 60_000)).toBe(false);
    });
  });
}
