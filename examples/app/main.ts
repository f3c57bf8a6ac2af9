/**
 * An app that has a story refined: asks for the job, follows it, prints the result. What it imports is the built package (npm run build).
 *
 *     REDIS_URL=redis://localhost:6379 node examples/app/main.ts <story id>
 *     HIVEPULSE_URL=http://localhost:3000 HIVEPULSE_API_KEY=… node examples/app/main.ts <story id>
 *
 * The code is the same for both: the helpers read from the environment whether to go to the queue or over HTTP.
 */
import { closeQueues, HivepulseError, onJobEvent, queueStoryEnhancement, waitForJob } from 'hivepulse';

const [storyId] = process.argv.slice(2);
if (!storyId) {
  console.error('Usage: node examples/app/main.ts <story id>');
  process.exit(2);
}

try {
  const { queue, jobId, deduplicated } = await queueStoryEnhancement(storyId);
  console.error(deduplicated ? `${jobId} is on its way already` : `queued ${jobId}`);
  const stopListening = onJobEvent(queue, (event) => {
    if (event.type === 'progress' && event.jobId === jobId) console.error(event.progress.current_step);
  });
  const result = await waitForJob(queue, jobId, { timeoutMs: 120_000 });
  stopListening();
  console.log(JSON.stringify(result, undefined, 2));
} catch (error) {
  // Every error of the helpers has a code, and says whether trying again can help.
  if (!(error instanceof HivepulseError)) throw error;
  console.error(`${error.code}: ${error.message}${error.retryable ? ' (worth another try)' : ''}`);
  process.exitCode = 1;
} finally {
  await closeQueues();
}
