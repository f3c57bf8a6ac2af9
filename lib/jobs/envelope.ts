import { z } from 'zod';

/** The version of the envelope below. A worker refuses versions it does not know. */
export const ENVELOPE_VERSION = 1;

/** What BullMQ stores as a job's data. The payload is parsed by its kind's schema, where it enters a queue and where it leaves it. */
export const envelope = z.object({
  v: z.literal(ENVELOPE_VERSION),
  payload: z.unknown(),
  meta: z.object({
    /** From the producer's call to the last log line. */
    correlationId: z.string(),
    userId: z.string().optional(),
    rowId: z.string().optional(),
    /** ISO 8601. */
    enqueuedAt: z.string(),
    /** Pay again although nothing changed. */
    force: z.boolean().optional(),
    /** 1 at first, one more with each retry or replay by hand; dead letters are unique per (queue, job id, run). */
    run: z.int().positive().optional(),
    /** Tells a repeated request from the first one. */
    requestId: z.string().optional(),
  }),
});
export type Envelope = z.infer<typeof envelope>;
export type JobMeta = Envelope['meta'];
