import { type HoldDeps, type Holder, hold } from '../hold.ts';

/**
 * One brief per deal at a time, from reading the facts until they are recorded as told. Who loses the hold all the same is found out by the database.
 * Answers how to give it up; an abort does, too.
 */
export async function holdDeal(dealId: string, holder: Holder, deps: HoldDeps): Promise<() => Promise<void>> {
  const giveUp = await hold({ key: `brief:${dealId}`, what: 'a deal' }, holder, deps);
  const { signal } = holder;
  let given: Promise<void> | undefined;
  function release(): Promise<void> {
    signal.removeEventListener('abort', release);
    given ??= giveUp();
    return given;
  }
  signal.addEventListener('abort', release, { once: true });
  return release;
}
