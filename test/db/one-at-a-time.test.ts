import { expect, it, vi } from 'vitest';
import { oneAtATime } from '../../lib/db/one-at-a-time.ts';

it('begins a request when the one before has ended, well or badly, and is idle after the last', async () => {
  const log: string[] = [];
  const pending = new Map<string, PromiseWithResolvers<Response>>();
  const { fetch, idle } = oneAtATime((input) => {
    const name = String(input);
    log.push(`begin ${name}`);
    const answer = Promise.withResolvers<Response>();
    pending.set(name, answer);
    return answer.promise;
  });
  const answers = ['a', 'b', 'c'].map((name) =>
    fetch(name).then(
      () => log.push(`end ${name}`),
      () => log.push(`failed ${name}`),
    ),
  );
  const last = idle().then(() => log.push('idle'));
  await vi.waitUntil(() => pending.has('a'));
  expect(log).toEqual(['begin a']);
  pending.get('a')?.reject(new Error('no'));
  await answers[0];
  await vi.waitUntil(() => pending.has('b'));
  expect(log).toEqual(['begin a', 'failed a', 'begin b']);
  pending.get('b')?.resolve(new Response());
  await answers[1];
  await vi.waitUntil(() => pending.has('c'));
  pending.get('c')?.resolve(new Response());
  await last;
  expect(log).toEqual(['begin a', 'failed a', 'begin b', 'end b', 'begin c', 'end c', 'idle']);
});
