import { originOf } from '../../ai/origin.ts';
import type { ClassResult } from '../../jobs/document-processing.ts';
import type { StepDone } from '../../relay/step-job.ts';
import type { Chunk } from '../contract.ts';
import { ask } from '../insight/ask.ts';
import { clip, headOf, type InsightContext, type ReadyDocument } from '../insight/document.ts';
import { partsOf, textOf } from '../insight/parts.ts';
import { classAnswer } from './answer.ts';
import { CLASS_RULES_VERSION } from './version.ts';

export type ClassChanges = Pick<ClassResult, 'workstream' | 'documentType' | 'confidence'>;

/** Estimated tokens of the beginning, which says most about what a document is. */
const BEGINNING_TOKENS = 6_000;
/** From the rest, evenly spread. */
const SAMPLES = 4;
const SAMPLE_CHARACTERS = 2_000;
const MOST_HEADINGS = 60;
const LONGEST_HEADING = 120;

export const CLASS_PROMPTS = ['document-class'] as const;
export const CLASS_VERSION = `sample 1, ${CLASS_RULES_VERSION}`;

/** Has the configured model tell what a document is: from its name, title, headings, beginning and samples of the rest. One question. */
export async function classifyDocument(document: ReadyDocument, context: InsightContext): Promise<StepDone<ClassResult> & { changes: ClassChanges }> {
  context.progress({ progress: 0, total: 1, current_step: 'classifying' });
  const generation = await ask(context, { prompt: 'document-class', schema: classAnswer, data: classData(document), maxOutputTokens: 300 });
  const { workstream, documentType, confidence } = generation.value;
  const changes = { workstream, documentType, confidence: Math.round(confidence * 100) / 100 };
  context.progress({ progress: 1, total: 1, current_step: 'done' });
  return { result: { documentId: document.id, ...changes, ...originOf(generation, CLASS_RULES_VERSION) }, changes };
}

/** What a document is told by. */
function classData({ chunks, ...head }: ReadyDocument): Record<'name' | 'title' | 'headings' | 'beginning' | 'samples', string> {
  const beginning = beginningOf(chunks);
  return {
    // It says much of what a document is, and is worth one more question about a copy under another.
    name: clip(head.name),
    ...headOf(head),
    headings: headingsOf(chunks).join('\n'),
    beginning: textOf({ chunks: beginning }).toWellFormed(),
    samples: samplesOf(chunks.slice(beginning.length)).join('\n\n').toWellFormed(),
  };
}

function beginningOf(chunks: readonly Chunk[]): readonly Chunk[] {
  return partsOf(chunks, BEGINNING_TOKENS)[0]?.chunks ?? [];
}

function headingsOf(chunks: readonly Chunk[]): string[] {
  const headings = new Set(chunks.flatMap(({ section }) => section).map((heading) => heading.replace(/\s+/gu, ' ').trim().slice(0, LONGEST_HEADING)));
  return [...headings].filter((heading) => heading !== '').slice(0, MOST_HEADINGS);
}

function samplesOf(chunks: readonly Chunk[]): string[] {
  const count = Math.min(SAMPLES, chunks.length);
  const places = Array.from({ length: count }, (_, index) => Math.floor(((index + 0.5) * chunks.length) / count));
  return places.map((place) => chunks[place]?.text.slice(0, SAMPLE_CHARACTERS) ?? '');
}
