export interface Block {
  /** Named in the block's first line. */
  file: string;
  text: string;
  /** Lines to add to a file that is there, with lines around them to find the place. */
  isDiff: boolean;
}

/** Fenced blocks of a page whose first line is `// <path>`: whole files, and diffs of files. */
export function blocksOf(page: string): Block[] {
  return [...page.matchAll(/^```(ts|diff)\n ?\/\/ (\S+)\n([\s\S]*?)^```$/gm)].map(([, language, file = '', text = '']) => ({
    file,
    text,
    isDiff: language === 'diff',
  }));
}

/** Adds what begins with `+` behind the lines before it, which must stand in the file exactly once; `@@` goes on elsewhere. */
export function applyDiff(source: string, diff: string, file: string): string {
  return diff.split(/^@@\n/m).reduce((text, hunk) => {
    const lines = hunk.split('\n').slice(0, -1);
    const before = unmarked(lines.filter((line) => !line.startsWith('+')));
    const after = unmarked(lines);
    if (text.split(before).length !== 2) throw new Error(`${file} has no such place, or several:\n${before}`);
    return text.replace(before, () => after);
  }, source);
}

const unmarked = (lines: readonly string[]): string => `${lines.map((line) => line.slice(1)).join('\n')}\n`;
