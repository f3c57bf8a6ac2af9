/** What a sentence is about: its words without those that any request or delivery has. */

const GENERAL = new Set(
  (
    'the a an and or of to for from in on at by with without our your my their his her its us you me we i they he she it this that these those is are was were be been ' +
    'has have had do does did not no yes will would could can shall should may please kindly thanks thank still yet also already now just again all any some more very ' +
    'need needs needed require required missing outstanding pending open waiting wait awaiting blocked blocking blocker hold send sent provide provided share shared ' +
    'upload uploaded forward forwarded deliver delivered return returned sign signed countersign countersigned confirm confirmed approve approved complete completed ' +
    'submit submitted receive received attached attachment attachments enclosed find see here done resolved fixed settled finished get got let new final latest updated ' +
    'revised full copy copies version versions document documents file files item items thing things today tomorrow week month day end monday tuesday wednesday thursday ' +
    'friday saturday sunday january february march april june july august september october november december asap soon possible until before after when once so as if then ' +
    'there hi hello dear everything both each one two well good great looks right correct wrong below above regarding re last next urgently immediately back over go proceed ' +
    "able cannot can't don't doesn't isn't hasn't haven't closing close deal team side behalf remains remain longer"
  ).split(' '),
);

/** In lower case, plurals as singulars. */
export function contentWords(text: string): ReadonlySet<string> {
  const words =
    text
      .toLowerCase()
      .replaceAll('’', "'")
      .match(/[\p{L}\p{N}][\p{L}\p{N}'&-]*/gu) ?? [];
  return new Set(
    words
      .map((word) => word.replace(/'s$/u, ''))
      .filter((word) => word.length > 1 && !GENERAL.has(word))
      .map(singular),
  );
}

const singular = (word: string): string => (word.length > 3 ? word.replace(/ies$/u, 'y').replace(/(?<!s)s$/u, '') : word);

const numbersOf = (words: ReadonlySet<string>): string[] => [...words].filter((word) => /^\d+$/u.test(word));

/** Share of the smaller side's words that the other has too; none where both name numbers and share none: accounts of 2024 are not those of 2025. */
export function overlap(one: ReadonlySet<string>, other: ReadonlySet<string>): number {
  const [numbers, others] = [numbersOf(one), numbersOf(other)];
  if (numbers.length > 0 && others.length > 0 && !numbers.some((number) => other.has(number))) return 0;
  return [...one].filter((word) => other.has(word)).length / Math.max(1, Math.min(one.size, other.size));
}
