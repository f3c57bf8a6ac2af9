/** What shows that a notice is of a watch of ours: it goes to the provider alone, which sends it along; here only its hash is kept. */
import { createHash, randomBytes } from 'node:crypto';

/** 256 bits, as 43 characters of base64url. */
export const newNoticeSecret = (): string => randomBytes(32).toString('base64url');

/** SHA-256, hex. */
export const hashOfSecret = (secret: string): string => createHash('sha256').update(secret).digest('hex');
