import { PermanentError } from '../errors.ts';

/** No dot at the start: neither `.` nor `..`, nor a name that the storage keeps for itself. */
const PART = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/;

/** Throws `PermanentError` for what is not made of our own names: no path leads out of the storage. */
export function partsOf(path: string): string[] {
  const parts = path.split('/');
  if (parts.length <= 20 && parts.every((part) => PART.test(part))) return parts;
  throw new PermanentError('The path of a file is made of letters, digits, ".", "_", "-" and "/" only', { code: 'storage_path' });
}
