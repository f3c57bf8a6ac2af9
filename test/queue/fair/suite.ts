import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { QueueBackend } from '../../../lib/queue/backend.ts';
import { createTurns, type FairPlace, nameOf, QUEUE } from './world.ts';

/** What sharing a queue out promises, on either backend. */
export function fairSuite(name: string, open: () => Promise<FairPlace>): void {
  describe(`turns on ${name}`, () => {
    let place: FairPlace;
    let backend: QueueBackend;
    let turns: ReturnType<typeof createTurns>;
    const others: QueueBackend[] = [];

    beforeAll(async () => {
      place = await open();
      backend = await place.connect();
      turns = createTurns(backend);
    }, 60_000);
    afterAll(async () => {
      await turns?.close();
      await backend?.close();
      await place?.close();
    });
    afterEach(async () => {
      for (const other of others.splice(0)) await other.close();
      await backend.queue(QUEUE).obliterate({ force: true });
      await place.forget();
      await turns.close();
      turns = createTurns(backend);
    });

    /** One by one: `promoteJobs` puts them before all others, whatever their priority. */
    async function promoteAll(): Promise<void> {
      for (const job of await backend.queue(QUEUE).getDelayed()) await job.promote();
    }

    /** Narrow levels: a few dozen jobs fill one. */
    async function narrow() {
      const other = await place.connect({ width: 64, catchUp: 10 });
      others.push(other);
      return createTurns(other);
    }

    it('lets users take turns, oldest first within each', async () => {
      await turns.add('a', 4);
      await turns.add('b', 3);
      await turns.add('c', 2);
      expect(await turns.serve()).toBe('a0 b0 c0 a1 b1 c1 a2 b2 a3');
    });

    it('lets deals take turns, and jobs that say themselves whose they are', async () => {
      await turns.add('x', 2, { dealId: 'deal-1' });
      await turns.add('y', 2, { dealId: 'deal-2' });
      await turns.add('z', 2, { kind: 'team', team: 'deal-2' });
      await turns.add('u', 1, { kind: 'team', team: 'team-3' });
      expect(await turns.serve()).toBe('x0 y0 u0 x1 y1 z0 z1');
    });

    it('keeps jobs that belong to nobody in the order they came', async () => {
      await turns.add('p', 2, { kind: 'team', team: '' });
      await turns.add('q', 2, { kind: 'team', team: '' });
      expect(await turns.serve()).toBe('p0 p1 q0 q1');
    });

    it('shares out a batch as it does single jobs', async () => {
      await turns.addMixed('a', 'a', 'b', 'a', 'b', 'c');
      expect(await turns.serve()).toBe('a0 b0 c0 a1 b1 a2');
      for (const user of ['a', 'a', 'b', 'c']) await turns.addOne(user);
      expect(await turns.serve()).toBe('a3 b2 c1 a4');
    });

    it('puts the caller’s priority before turns', async () => {
      await turns.add('a', 2, { priority: 2_000 });
      await turns.add('a', 2, { priority: 7 });
      await turns.add('b', 2, { priority: 7 });
      await turns.add('b', 2);
      await turns.add('c', 1, { priority: 15 });
      expect(await turns.serve()).toBe('b2 b3 a2 b0 a3 b1 c0 a0 a1');
    });

    it('serves a newcomer before the rest of a long queue', async () => {
      await turns.add('a', 500);
      await turns.serve(100);
      await turns.add('b', 10);
      expect(await turns.serve(10)).toBe('b0 b1 b2 b3 b4 b5 b6 b7 b8 b9');
      await turns.add('b', 3);
      expect(await turns.serve(6)).toBe('a100 b10 a101 b11 a102 b12');
    });

    it('does not let ever new users keep an old one waiting', async () => {
      await turns.add('a', 30);
      await turns.serve(15);
      for (let user = 0; user < 40; user += 1) await turns.add(`n${user}-`, 2);
      // Ten turns are caught up at most, by all newcomers together.
      expect((await turns.serve(11)).split(' ').at(-1)).toBe('a15');
    });

    it('gives nobody turns for the time a queue was empty', async () => {
      await turns.add('a', 50);
      await turns.serve();
      await turns.add('b', 3);
      await turns.add('a', 3);
      expect(await turns.serve()).toBe('b0 a50 b1 a51 b2 a52');
    });

    it('takes a job that is tried again back at its old place', async () => {
      await turns.add('a', 3);
      await turns.add('b', 3);
      const first = await turns.take();
      await first?.moveToWait(first.token);
      const again = await turns.take();
      expect([first, again].map((job) => job && nameOf(job))).toEqual(['a0', 'a0']);
      await again?.moveToDelayed(Date.now() - 1, again.token);
      // On Redis a job that comes back goes behind the others of its turn.
      expect(await turns.serve()).toMatch(/^(a0 b0|b0 a0) a1 b1 a2 b2$/);
    });

    it('takes a job that comes back when its queue has been empty meanwhile before newer ones', async () => {
      await turns.add('a', 30);
      await turns.serve(29);
      const last = await turns.take();
      await last?.moveToDelayed(Date.now() + 3_600_000, last.token);
      await turns.add('b', 20);
      await promoteAll();
      expect(await turns.serve(3)).toContain('a29');
    });

    it('does not count delayed jobs before they are due', async () => {
      await turns.add('a', 2, { delay: 3_600_000 });
      await turns.add('b', 2);
      await turns.add('a', 2);
      expect(await turns.serve(2)).toBe('b0 a2');
      await promoteAll();
      expect(await turns.serve()).toMatch(/^a0 (b1 a3 a1|a1 b1 a3)$/);
    });

    it('goes on taking turns after the turns were forgotten', async () => {
      await turns.add('a', 40);
      await turns.serve(20);
      await place.forget();
      await turns.add('b', 2);
      await turns.add('c', 2);
      expect(await turns.serve(6)).toBe('a20 b0 c0 a21 b1 c1');
    });

    it('shares out single jobs added in a row, also when the turns are forgotten in the middle', async () => {
      for (let number = 0; number < 40; number += 1) await turns.addOne('a');
      for (let number = 0; number < 20; number += 1) await turns.addOne('b');
      await turns.add('a', 2);
      const first = (await turns.serve(10)).split(' ');
      expect(first.slice(0, 4)).toEqual(['a0', 'b0', 'a1', 'b1']);
      await place.forget();
      await turns.add('b', 1);
      await turns.add('a', 1);
      const served = [...first, ...(await turns.serve()).split(' ')];
      expect(leads(served.slice(0, 40), ['a', 'b'])).toBeLessThanOrEqual(2);
      expect(served).toHaveLength(64);
    });

    it('shares out between processes', async () => {
      const other = await place.connect();
      others.push(other);
      const elsewhere = createTurns(other);
      await Promise.all([turns.add('a', 20), elsewhere.add('b', 20)]);
      const served = (await turns.serve()).split(' ');
      expect(leads(served, ['a', 'b'])).toBeLessThanOrEqual(1);
      await elsewhere.close();
    });

    it('leaves a queue that is not shared out as it is', async () => {
      const plain = createTurns(backend, { fairness: false });
      await plain.add('a', 3);
      await plain.add('b', 2);
      await plain.add('c', 1, { priority: 12 });
      await plain.add('d', 1, { priority: 11 });
      expect(await plain.serve()).toBe('a0 a1 a2 b0 b1 d0 c0');
      await plain.close();
    });

    it('never lets a user with work waiting fall more than a turn behind, in any interleaving', async () => {
      for (const seed of [1, 2, 3]) {
        const random = randomFrom(seed);
        const taken = createTurns(backend);
        await taken.add('a', 60);
        await taken.add('b', 60);
        const served: string[] = [];
        while (served.length < 100) {
          const dice = random();
          if (dice < 0.2) await taken.addOne('a');
          else if (dice < 0.4) await taken.add('b', 1 + Math.floor(random() * 4));
          else if (dice < 0.5) await taken.add(`c${served.length}-`, 2);
          else served.push(await taken.serve(1));
        }
        const others = served.filter((one) => one.startsWith('c')).length;
        expect(leads(served, ['a', 'b'])).toBeLessThanOrEqual(1);
        expect(others).toBeGreaterThan(0);
        await taken.close();
        await backend.queue(QUEUE).obliterate({ force: true });
        await place.forget();
      }
    });

    it('re-bases a queue that never gets empty: nothing is lost, the order stays', async () => {
      const small = await narrow();
      await small.add('a', 20);
      await small.add('z', 1, { delay: 3_600_000 });
      const served: string[] = [];
      for (let round = 0; round < 30; round += 1) {
        await small.add('a', 10);
        await small.add('b', 9);
        served.push(...(await small.serve(19)).split(' '));
      }
      await promoteAll();
      served.push(...(await small.serve()).split(' '));
      expect(new Set(served).size).toBe(served.length);
      expect(served).toHaveLength(20 + 300 + 270 + 1);
      for (const user of ['a', 'b']) expect(numbersOf(served, user)).toEqual(numbersOf(served, user).toSorted((x, y) => x - y));
      await small.close();
    });

    it('serves more jobs of one user than a level has slots for, oldest first, and others in between', async () => {
      const small = await narrow();
      await small.add('a', 200);
      const served = (await small.serve(60)).split(' ');
      await small.add('b', 10);
      served.push(...(await small.serve(30)).split(' '));
      expect(served.filter((one) => one.startsWith('b'))).toHaveLength(10);
      await small.add('c', 5);
      served.push(...(await small.serve(20)).split(' '));
      expect(served.filter((one) => one.startsWith('c'))).toHaveLength(5);
      served.push(...(await small.serve()).split(' '));
      expect(numbersOf(served, 'a')).toEqual(Array.from({ length: 200 }, (_, index) => index));
      await small.close();
    });

    it('keeps the place of a job that runs while its queue is re-based', async () => {
      const small = await narrow();
      await small.add('a', 60);
      await small.serve(40);
      const running = await small.take();
      await small.add('b', 1);
      await running?.moveToWait(running.token);
      expect(await small.serve(3)).toBe('b0 a40 a41');
      await small.close();
    });
  });
}

/** How far one of two users was ahead of the other at most. */
function leads(served: readonly string[], [left, right]: readonly [string, string]): number {
  let lead = 0;
  let most = 0;
  for (const one of served) {
    if (one.startsWith(left)) lead += 1;
    if (one.startsWith(right)) lead -= 1;
    most = Math.max(most, Math.abs(lead));
  }
  return most;
}

function numbersOf(served: readonly string[], user: string): number[] {
  return served.filter((one) => one.startsWith(user)).map((one) => Number(one.slice(user.length)));
}

/** Park and Miller's generator: the same interleavings in every run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
