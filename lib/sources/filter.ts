import type { SourceItem } from './contract.ts';
import type { CommonSettings } from './settings.ts';

/** Why an item is left out by the settings of its source, for people; undefined: it is taken. */
export function leftOutBy({ kind, name, sizeBytes }: SourceItem, { types }: CommonSettings, maxBytes: number): string | undefined {
  if (kind === 'email') return undefined;
  if (types && !types.some((type) => name.toLowerCase().endsWith(`.${type.toLowerCase().replace(/^\./, '')}`)))
    return `Not of a type that is synced (${types.join(', ')})`;
  if (sizeBytes === 0) return EMPTY;
  return sizeBytes !== null && sizeBytes > maxBytes ? tooLarge(maxBytes) : undefined;
}

export const EMPTY = 'The file is empty';

export function tooLarge(maxBytes: number): string {
  return `Larger than ${Number((maxBytes / 1024 / 1024).toFixed(2))} MiB`;
}
