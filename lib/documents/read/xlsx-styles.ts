/** How cells show their numbers: only what changes their meaning is kept, dates and percentages. */
import { scanXml } from './xml.ts';
import type { Archive } from './zip.ts';

export type NumberKind = 'number' | 'percent' | 'date' | 'time' | 'date-time';

/** By the number of the cell's style. */
export type Styles = readonly NumberKind[];

/** Built-in formats of ECMA-376, 18.8.30, and those that East Asian versions have. */
function builtIn(id: number): NumberKind {
  if (id === 9 || id === 10) return 'percent';
  if ((id >= 14 && id <= 17) || (id >= 27 && id <= 31) || id === 36 || (id >= 50 && id <= 58)) return 'date';
  if ((id >= 18 && id <= 21) || (id >= 32 && id <= 35) || (id >= 45 && id <= 47)) return 'time';
  return id === 22 ? 'date-time' : 'number';
}

/** What a format code like `dd/mm/yyyy` or `0.0%` shows. Text in it, colours and conditions do not count; m stands for months or minutes. */
function kindOfFormat(code: string): NumberKind {
  const [bare = ''] = code.replace(/"[^"]*"|\\.|_.|\*.|\[(?!h|m|s)[^\]]*\]/gi, '').split(';');
  const hasTime = /[hs]|\[m/i.test(bare);
  const hasDate = /[dy]/i.test(bare) || (/m/i.test(bare) && !hasTime);
  if (/general/i.test(bare)) return 'number';
  if (hasDate) return hasTime ? 'date-time' : 'date';
  if (hasTime) return 'time';
  return bare.includes('%') ? 'percent' : 'number';
}

export async function readStyles(archive: Archive, part: string | undefined): Promise<Styles> {
  const formats = new Map<number, NumberKind>();
  const styles: NumberKind[] = [];
  let isInCells = false;
  if (!part) return styles;
  await scanXml(archive.stream(part), {
    open: (name, attribute) => {
      const id = Number(attribute('numFmtId') ?? 0);
      if (name === 'numFmt') formats.set(id, kindOfFormat(attribute('formatCode') ?? ''));
      if (name === 'cellXfs') isInCells = true;
      if (name === 'xf' && isInCells) styles.push(formats.get(id) ?? builtIn(id));
    },
    close: (name) => {
      if (name === 'cellXfs') isInCells = false;
    },
    text: () => {},
  });
  return styles;
}
