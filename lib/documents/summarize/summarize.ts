import type { Generation } from '../../ai/contract.ts';
import { originOf } from '../../ai/origin.ts';
import { estimateTokens } from '../../ai/tokens.ts';
import type { SummaryResult } from '../../jobs/document-processing.ts';
import type { StepDone } from '../../relay/step-job.ts';
import { ask } from '../insight/ask.ts';
import { headOf, type InsightContext, type ReadyDocument } from '../insight/document.ts';
import { PART_TOKENS } from '../insight/limits.ts';
import { grouped, mapAtOnce, markedText, type Part, pageMark, pagesOf, partsOf } from '../insight/parts.ts';
import { firstSentences, plainText } from '../insight/plain-text.ts';
import { notesAnswer, type SummaryAnswer, summaryAnswer } from './answers.ts';
import { EXTRACT_VERSION } from './version.ts';

export interface SummaryChanges {
  summary: string;
  keyPoints: { point: string; page: number | null }[];
}

/** A point of a part, on its way to the summary. */
interface Note {
  note: string;
  page: number | null;
}

const MOST_SENTENCES = 8;
/** Characters. */
const LONGEST_SUMMARY = 2_500;
const MOST_POINTS = 8;
const LONGEST_POINT = 500;
/** Of one part: so that notes of a level are a tenth of what they were taken from, and every level ends. */
const MOST_NOTES = 12;
const LONGEST_NOTE = 500;

export const SUMMARY_PROMPTS = ['document-summary', 'document-notes', 'document-digest'] as const;
export const SUMMARY_VERSION = `parts 1, ${EXTRACT_VERSION}`;

/**
 * Sums a document up: in one question where it fits, else notes are taken of its parts, several at a time, and summed up; where the notes are too
 * many for one question, notes are taken of them first. Pages are kept only where they are pages of what the point was taken from.
 */
export async function summarizeDocument(
  document: ReadyDocument,
  context: InsightContext,
): Promise<StepDone<SummaryResult> & { changes: SummaryChanges }> {
  const parts = partsOf(document.chunks);
  const generation = parts.length === 1 ? await atOnce(document, parts, context) : await inParts(document, parts, context);
  const changes = changesOf(generation.value, new Set(pagesOf(document.chunks)));
  const result = { documentId: document.id, summary: changes.summary, parts: parts.length, ...originOf(generation, EXTRACT_VERSION) };
  return { result, changes };
}

async function atOnce(document: ReadyDocument, parts: readonly Part[], context: InsightContext): Promise<Generation<SummaryAnswer>> {
  const tell = teller(context, 1);
  const data = { ...headOf(document), text: parts.map(markedText).join('\n') };
  const generation = await ask(context, { prompt: 'document-summary', schema: summaryAnswer, data, maxOutputTokens: 1_500 });
  tell('done');
  return generation;
}

async function inParts(document: ReadyDocument, parts: readonly Part[], context: InsightContext): Promise<Generation<SummaryAnswer>> {
  const tell = teller(context, parts.length + 1);
  const notes = await mapAtOnce(parts, async (part) => {
    const taken = await takeNotes(document, { text: markedText(part), pages: part.pages, place: `${part.number} of ${part.of}` }, context);
    tell('reading the parts');
    return taken;
  });
  const data = { ...headOf(document), notes: linesOf(await condensed(document, notes.flat(), context)) };
  const generation = await ask(context, { prompt: 'document-digest', schema: summaryAnswer, data, maxOutputTokens: 1_500 });
  tell('done');
  return generation;
}

interface Excerpt {
  text: string;
  pages: readonly number[];
  /** "3 of 7" */
  place: string;
}

async function takeNotes(document: ReadyDocument, { text, pages, place }: Excerpt, context: InsightContext): Promise<Note[]> {
  const data = { ...headOf(document), part: place, text };
  const { value } = await ask(context, { prompt: 'document-notes', schema: notesAnswer, data, maxOutputTokens: 2_000 });
  const known = new Set(pages);
  return value.notes.slice(0, MOST_NOTES).flatMap(({ note, page }) => {
    const plain = plainText(note, LONGEST_NOTE);
    return plain === '' ? [] : [{ note: plain, page: pageIn(known, page) }];
  });
}

/** Notes that fit into one question. */
async function condensed(document: ReadyDocument, notes: readonly Note[], context: InsightContext): Promise<readonly Note[]> {
  const groups = grouped(notes, PART_TOKENS, (note) => estimateTokens(lineOf(note)));
  if (groups.length <= 1) return notes;
  const shorter = await mapAtOnce([...groups.entries()], ([index, group]) => {
    const pages = group.flatMap(({ page }) => (page === null ? [] : [page]));
    return takeNotes(document, { text: linesOf(group), pages, place: `notes, ${index + 1} of ${groups.length}` }, context);
  });
  return condensed(document, shorter.flat(), context);
}

const lineOf = ({ note, page }: Note): string => (page === null ? note : `${pageMark(page)} ${note}`);
const linesOf = (notes: readonly Note[]): string => notes.map(lineOf).join('\n');

function changesOf({ summary, keyPoints }: SummaryAnswer, pages: ReadonlySet<number>): SummaryChanges {
  const points = keyPoints.flatMap(({ point, page }) => {
    const plain = plainText(point, LONGEST_POINT);
    return plain === '' ? [] : [{ point: plain, page: pageIn(pages, page) }];
  });
  return { summary: firstSentences(plainText(summary, LONGEST_SUMMARY), MOST_SENTENCES), keyPoints: points.slice(0, MOST_POINTS) };
}

function pageIn(pages: ReadonlySet<number>, page: number | null): number | null {
  return page !== null && pages.has(page) ? page : null;
}

/** Tells how far the job is, each time that another of `total` is done. */
function teller({ progress }: InsightContext, total: number): (step: string) => void {
  let done = 0;
  progress({ progress: 0, total, current_step: 'reading' });
  return (step) => {
    done += 1;
    progress({ progress: done, total, current_step: step });
  };
}
