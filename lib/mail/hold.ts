import { type HoldDeps, type Holder, hold } from '../hold.ts';
import { accountKey } from './gmail/settings.ts';

/** One fetch per account at a time: two would read the same messages twice. Losing the hold costs a message read twice at worst: each is stored once whoever reads it. */
export async function holdAccount<T>(connectionId: string, holder: Holder, deps: HoldDeps, work: () => Promise<T>): Promise<T> {
  const giveUp = await hold({ key: `mailbox:${connectionId}`, limitKey: accountKey(connectionId), what: 'a mailbox' }, holder, deps);
  try {
    return await work();
  } finally {
    await giveUp();
  }
}
