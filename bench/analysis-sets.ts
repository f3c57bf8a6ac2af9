import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** Settings were chosen on `tuning` alone; what is reported as quality is `report`. No label is in both. */
export type Half = 'tuning' | 'report';

export interface LabelledSet {
  name: string;
  half: Half;
  texts: string[];
  /** Of each text; null = out of scope, belongs to none. */
  labels: (string | null)[];
  /** Number of labels. */
  k: number;
}

interface Row {
  text: string;
  label: string;
}

interface Source {
  name: string;
  file: string;
  /** Texts of a label: in even sets, and of the smallest and the largest in uneven ones. */
  even: number;
  least: number;
  most: number;
}

const SOURCES: readonly Source[] = [
  { name: 'banking77', file: 'banking77_train.jsonl', even: 60, least: 20, most: 150 },
  { name: 'clinc150', file: 'clinc150_val.jsonl', even: 20, least: 6, most: 20 },
];
const LABEL_COUNTS = [8, 9, 11, 12, 14, 15] as const;
const OUT_OF_SCOPE = 'oos';
/** Of CLINC150's sets from this many labels on: one text in ten is out of scope. */
const OUT_OF_SCOPE_FROM = 12;
/** Labels with fewer texts would not fill an even set. */
const leastTexts = ({ even }: Source) => even;

/** `INTENT_DATA` names the folder; without it the one beside the repository is looked for. */
const folder = process.env.INTENT_DATA ? pathToFileURL(`${process.env.INTENT_DATA}/`) : new URL('../../shared/data/intents/', import.meta.url);

/**
 * 24 subsets of Banking77 (train; CC BY 4.0, PolyAI) and CLINC150 (validation; CC BY 3.0, clinc/oos-eval), half of them even, half uneven;
 * undefined where the files are not to be had. Hashes decide who is in which, so that nobody chose.
 */
export function labelledSets(): LabelledSet[] | undefined {
  if (!SOURCES.every(({ file }) => existsSync(new URL(file, folder)))) return undefined;
  return SOURCES.flatMap((source) => {
    const rows = rowsOf(source.file);
    return (['tuning', 'report'] as const).flatMap((half) =>
      LABEL_COUNTS.map((k, index) => subset(source, rows, half, k, (index % 2 === 0) === (source.name === 'banking77'))),
    );
  });
}

function rowsOf(file: string): Row[] {
  return readFileSync(new URL(file, folder), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);
}

function subset(source: Source, rows: readonly Row[], half: Half, k: number, even: boolean): LabelledSet {
  const withOthers = source.name === 'clinc150' && k >= OUT_OF_SCOPE_FROM;
  const name = [source.name, half, k, even ? 'even' : 'uneven', ...(withOthers ? ['oos'] : [])].join('.');
  const chosen = inHashOrder(labelsOf(source, rows, half), name).slice(0, k);
  const members = chosen.flatMap((label, index) =>
    textsOf(rows, label, name)
      .slice(0, even ? source.even : unevenSize(source, index, k))
      .map((text) => ({ text, label })),
  );
  const others = withOthers ? outOfScope(rows, name, half, Math.round(members.length / 9)) : [];
  const all = inHashOrder([...members, ...others], name, ({ text }) => text);
  return { name, half, k, texts: all.map(({ text }) => text), labels: all.map(({ label }) => label) };
}

function labelsOf(source: Source, rows: readonly Row[], half: Half): string[] {
  const counts = new Map<string, number>();
  for (const { label } of rows) counts.set(label, (counts.get(label) ?? 0) + 1);
  counts.delete(OUT_OF_SCOPE);
  return [...counts].flatMap(([label, count]) => (count >= leastTexts(source) && isOf(half, label) ? [label] : []));
}

function isOf(half: Half, word: string): boolean {
  return (hashOf(word).charCodeAt(0) % 2 === 0) === (half === 'tuning');
}

/** From the smallest to the largest by equal factors. */
function unevenSize({ least, most }: Source, index: number, k: number): number {
  return Math.round(least * (most / least) ** (index / (k - 1)));
}

function textsOf(rows: readonly Row[], label: string, salt: string): string[] {
  return inHashOrder([...new Set(rows.filter((row) => row.label === label).map(({ text }) => text))], salt);
}

function outOfScope(rows: readonly Row[], salt: string, half: Half, count: number): { text: string; label: null }[] {
  return textsOf(rows, OUT_OF_SCOPE, salt)
    .filter((text) => isOf(half, text))
    .slice(0, count)
    .map((text) => ({ text, label: null }));
}

function inHashOrder<T>(items: readonly T[], salt: string, wordOf: (item: T) => string = String): T[] {
  return items
    .map((item) => ({ item, hash: hashOf(`${salt} ${wordOf(item)}`) }))
    .toSorted((one, other) => (one.hash < other.hash ? -1 : 1))
    .map(({ item }) => item);
}

function hashOf(word: string): string {
  return createHash('sha256').update(word).digest('hex');
}
