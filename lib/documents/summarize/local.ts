import type { LocalTask } from '../../ai/contract.ts';
import { pagePassages } from '../insight/passages.ts';
import type { NotesAnswer, SummaryAnswer } from './answers.ts';
import { bestOf, inOrder, type RankedSentence, rankSentences } from './rank.ts';

const SENTENCES = 6;
const POINTS = 6;
const NOTES = 12;
/** Of what was left out between two sentences. */
const GAP = ' […] ';

/**
 * What the local provider does for `document-summary`: the most central sentences as they stand in the text, and said to be an extract.
 * It writes nothing of its own. Deterministic.
 */
export const extractSummary: LocalTask = async ({ text = '' }): Promise<SummaryAnswer> => summaryOf(await rankSentences(await pagePassages(text)));

/** For `document-digest`: the same from the notes, which are sentences of the parts. */
export const extractDigest: LocalTask = async ({ notes = '' }): Promise<SummaryAnswer> => summaryOf(await rankSentences(await pagePassages(notes)));

/** For `document-notes`: the best sentences of a part. */
export const extractNotes: LocalTask = async ({ text = '' }): Promise<NotesAnswer> => {
  const ranked = await rankSentences(await pagePassages(text));
  return { notes: inOrder(bestOf(ranked, NOTES)).map((sentence) => ({ note: sentence.text, page: sentence.page })) };
};

function summaryOf(ranked: readonly RankedSentence[]): SummaryAnswer {
  const sentences = bestOf(ranked, SENTENCES);
  if (sentences.length === 0) return { summary: 'The document has no whole sentences to take an extract from.', keyPoints: [] };
  const points = inOrder(bestOf(ranked, POINTS, sentences));
  return {
    summary: `Extract, in the words of the document: ${quoted(inOrder(sentences))}`,
    keyPoints: points.map(({ text, page }) => ({ point: text, page })),
  };
}

/** Sentences that follow each other stay together. */
function quoted(sentences: readonly RankedSentence[]): string {
  return sentences.reduce((text, { text: next, place }, index) => {
    const before = sentences[index - 1];
    return before ? `${text}${before.place === place - 1 ? ' ' : GAP}${next}` : next;
  }, '');
}
