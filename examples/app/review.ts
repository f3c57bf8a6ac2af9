/**
 * An app that has a reply to a review written, paid with the credits of one of its users.
 *
 *     HIVEPULSE_URL=http://localhost:3000 HIVEPULSE_API_KEY=… node examples/app/review.ts <user id> "Great service!"
 *     REDIS_URL=redis://localhost:6379 DATABASE_URL=postgresql://… node examples/app/review.ts <user id> "Great service!"
 */
import { randomUUID } from 'node:crypto';
import { closeQueues, HivepulseError, InsufficientCreditsError, queueReviewJob, waitForJob } from 'hivepulse';

const [userId, review] = process.argv.slice(2);
if (!userId || !review) {
  console.error('Usage: node examples/app/review.ts <user id> <review>');
  process.exit(2);
}

try {
  // A key of the app's own, such as the id of the review: asked twice with it, the job is made and paid once.
  const options = { idempotencyKey: randomUUID() };
  const { queue, jobId } = await queueReviewJob(userId, 'ai_generation', { review_text: review, tone: 'friendly' }, options);
  console.error(`queued ${jobId}`);
  console.log(JSON.stringify(await waitForJob(queue, jobId, { timeoutMs: 120_000 }), undefined, 2));
} catch (error) {
  if (error instanceof InsufficientCreditsError) console.error(`Please buy credits. ${error.message}`);
  else if (error instanceof HivepulseError) console.error(`${error.code}: ${error.message}${error.retryable ? ' (worth another try)' : ''}`);
  else throw error;
  process.exitCode = 1;
} finally {
  await closeQueues();
}
