/** Microsoft Graph's notices: what they say, and what of it counts. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Notice } from '../lib/db/source-types.ts';
import { hashOfSecret } from '../lib/sources/notice-secret.ts';

/** Of one POST. */
export const MOST_ENTRIES = 200;
/** Graph's clock and ours may differ. */
const TOLERANCE_MS = 5 * 60_000;

export const graphNotices = z.object({ value: z.array(z.unknown()).min(1).max(MOST_ENTRIES) });

const text = z.string().min(1).max(1_000);
const entry = z.object({
  subscriptionId: text,
  clientState: z.string().regex(/^[\w-]{43}$/),
  subscriptionExpirationDateTime: z.iso.datetime({ offset: true }).nullish(),
  changeType: text.nullish(),
  /** Of changes; Graph may leave it out. */
  id: text.nullish(),
  resource: text.nullish(),
  resourceData: z.object({ id: text.nullish(), '@odata.etag': text.nullish() }).nullish(),
  lifecycleEvent: text.nullish(),
});
type Entry = z.infer<typeof entry>;

export type GraphNotice = Notice | 'forged' | 'replayed';

/** What is not even of the right form was not sent by Graph for us. */
export function readGraphNotice(value: unknown, now: number): GraphNotice {
  const parsed = entry.safeParse(value);
  if (!parsed.success) return 'forged';
  const { subscriptionId, clientState, subscriptionExpirationDateTime: endsAt, lifecycleEvent } = parsed.data;
  // Notices say until when the subscription held when they were sent. Where that is over, it is one of long ago.
  const isOld = endsAt != null && Date.parse(endsAt) < now - TOLERANCE_MS;
  const key = keyOf(parsed.data);
  const about = lifecycleEvent == null ? undefined : LIFECYCLE[lifecycleEvent];
  const notice: Notice = {
    watchId: subscriptionId,
    secretHash: hashOfSecret(clientState),
    ...(key === undefined ? {} : { key }),
    ...(about === undefined ? {} : { about }),
  };
  return isOld ? 'replayed' : notice;
}

/** `missed` is as good as a change: an incremental sync finds what was missed. */
const LIFECYCLE: Readonly<Record<string, Notice['about']>> = { reauthorizationRequired: 'renewal', subscriptionRemoved: 'removal' };

/**
 * What makes it the same notice when it comes again: its own id, or the state of the item it is about. Notices of drives have neither, and are the
 * same to the letter for each change: a repeated one makes one more sync at most that waits, and finds nothing.
 */
function keyOf({ subscriptionId, id, changeType, resource, resourceData, lifecycleEvent }: Entry): string | undefined {
  const etag = resourceData?.['@odata.etag'];
  const own = id != null ? [id] : resourceData?.id != null && etag != null ? [resource, resourceData.id, etag] : undefined;
  return (
    own &&
    createHash('sha256')
      .update(JSON.stringify([subscriptionId, changeType, lifecycleEvent, ...own]))
      .digest('hex')
  );
}
