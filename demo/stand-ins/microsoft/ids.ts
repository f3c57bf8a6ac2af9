/** Ids in the forms that Microsoft's services give them. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';

export const TENANT_ID = '84bd8158-6d4d-4958-8b9f-9d6445542f95';

/** The same for the same words. */
export function guidOf(...words: readonly string[]): string {
  const hex = createHash('sha256').update(words.join('\n')).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-');
}

export const newGuid = (): string => randomUUID();

/** A drive's, such as `b!xA9hqR7mT0OL6Gku8YbuzTJ8oZmRnQZJu6…`. */
export const newDriveId = (): string => `b!${randomBytes(48).toString('base64url')}`;

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** A drive item's, such as `01D6JQORV6Y2GOVW7725BZO354PWSELRRZ`. */
export function newItemId(): string {
  return `01${Array.from(randomBytes(32), (byte) => BASE32[byte % 32]).join('')}`;
}

/** A mail folder's; these stay. */
export const newFolderId = (): string => `AAMkAG${randomBytes(70).toString('base64url')}AAA=`;

/** A message's in the folder where it is now. */
export const newRestId = (): string => `AAMkAG${randomBytes(100).toString('base64url')}AAA=`;

/** A message's for its whole life; other ones than the usual. */
export const newImmutableId = (): string => `AAkALg${randomBytes(60).toString('base64url')}AA=`;
