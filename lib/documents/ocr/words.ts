/** A line of Tesseract's table that holds a word; the others hold the boxes around words. */
const WORD_LEVEL = 5;

export interface Paragraph {
  /** Lines as on the page. */
  text: string;
  /** Mean of its words, 0 to 1. */
  confidence: number;
}

interface Found {
  lines: Map<string, string[]>;
  confidences: number[];
}

/**
 * The paragraphs in Tesseract's table of words, in its reading order. The columns are level, page, block, paragraph, line, word, left, top,
 * width, height, confidence (0 to 100), text.
 */
export function paragraphs(tsv: string): Paragraph[] {
  const found = new Map<string, Found>();
  for (const row of tsv.split('\n')) {
    const [level, , block, paragraph, line, , , , , , confidence, text = ''] = row.split('\t');
    if (Number(level) !== WORD_LEVEL || text.trim() === '') continue;
    const key = `${block} ${paragraph}`;
    const into = found.get(key) ?? { lines: new Map(), confidences: [] };
    found.set(key, into);
    add(into, `${line}`, text.trim(), Number(confidence));
  }
  return [...found.values()].map(paragraphOf);
}

function add({ lines, confidences }: Found, line: string, word: string, confidence: number): void {
  const words = lines.get(line);
  if (words) words.push(word);
  else lines.set(line, [word]);
  confidences.push(confidence);
}

function paragraphOf({ lines, confidences }: Found): Paragraph {
  return {
    text: [...lines.values()].map((words) => words.join(' ')).join('\n'),
    confidence: confidences.reduce((sum, each) => sum + each, 0) / confidences.length / 100,
  };
}
