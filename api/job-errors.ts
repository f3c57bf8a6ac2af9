import { HttpError } from './errors.ts';

/** It was there a moment ago. */
export function gone(jobId: string): HttpError {
  return new HttpError(404, 'not_found', `Job ${jobId} does not exist any more.`, { jobId });
}

export function finished(jobId: string): HttpError {
  return new HttpError(409, 'finished', `Job ${jobId} has ended already: there is nothing to cancel.`, { jobId });
}

export function notFailed(jobId: string): HttpError {
  return new HttpError(409, 'not_failed', `Job ${jobId} has neither failed nor been cancelled: there is nothing to retry.`, { jobId });
}
