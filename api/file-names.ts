const MAX_CHARACTERS = 255;
const LONGEST_ENDING = 20;

/** The sender's name of a file, fit to be shown: no path, no control or invisible characters, 255 characters at most, its ending kept. */
export function cleanFileName(name: string): string {
  const last = name.toWellFormed().normalize('NFC').split(/[/\\]/).at(-1) ?? '';
  const shown = last
    .replaceAll(/\p{Zs}|\s/gu, ' ')
    .replaceAll(/\p{C}+/gu, '')
    .replaceAll(/ {2,}/g, ' ')
    .trim();
  if (/^\.*$/.test(shown)) return 'document';
  return shorten(shown);
}

function shorten(name: string): string {
  const characters = [...name];
  if (characters.length <= MAX_CHARACTERS) return name;
  const ending = endingOf(name);
  const tail = ending === '' ? '' : `.${ending}`;
  return `${characters.slice(0, MAX_CHARACTERS - tail.length).join('')}${tail}`;
}

/** Without the dot; empty where it has none. */
export function endingOf(name: string): string {
  return new RegExp(`^.*[^.]\\.([A-Za-z0-9]{1,${LONGEST_ENDING}})$`, 's').exec(name)?.[1] ?? '';
}

/** A media type without its parameters, in small letters; undefined where it says nothing of the file. */
export function cleanMimeType(type: string | undefined): string | undefined {
  const clean = type?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const known = /^[a-z0-9][\w.+-]{0,100}\/[a-z0-9][\w.+-]{0,100}$/.test(clean) && !MEANINGLESS.has(clean);
  return known ? clean : undefined;
}

/** The second is what curl says of every body. */
const MEANINGLESS = new Set(['application/octet-stream', 'application/x-www-form-urlencoded']);
