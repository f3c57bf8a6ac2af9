/** A word of a data file that must be one of a closed list. */
export function known<T extends string>(list: readonly T[], word: string, file: string): T {
  const found = list.find((each) => each === word);
  if (found === undefined) throw new Error(`${file}: "${word}" is none of ${list.join(', ')}`);
  return found;
}
