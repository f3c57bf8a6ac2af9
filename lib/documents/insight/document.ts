import type { DealDocument } from '../../db/deal-types.ts';
import type { JobContext } from '../../queue/processor.ts';
import type { Chunk } from '../contract.ts';
import { LONGEST_NAME } from './limits.ts';

/** A document that has been read, with its text. */
export interface ReadyDocument extends Pick<DealDocument, 'id' | 'name' | 'title'> {
  /** In their order; never empty. */
  chunks: readonly Chunk[];
}

/** What the jobs that make something of a document use of a job's context. */
export type InsightContext = Pick<JobContext, 'ai' | 'job' | 'meta' | 'signal' | 'progress' | 'log'>;

/** What a model is told besides the text; bounded, for it comes from whoever made the file. Not its name: a copy under another one is paid for once. */
export function headOf({ title }: Pick<ReadyDocument, 'title'>): { title: string } {
  return { title: clip(title ?? '') };
}

/** One line of what somebody has called something. */
export function clip(text: string): string {
  return text.replace(/\s+/gu, ' ').trim().slice(0, LONGEST_NAME).toWellFormed();
}
