import type { QueueEvents } from 'bullmq';

/**
 * Makes an event reader (`autorun: false`) miss nothing from its `waitUntilReady()` on. By itself BullMQ asks for "whatever comes from now on"
 * with every read until the first event has come, so that what happens before its first read, or between two, is lost.
 * `lastId` answers the id of the newest event of the queue, and waits out an outage.
 */
export function readFromStart(events: QueueEvents, lastId: () => Promise<string>): QueueEvents {
  const backend = events.getBackend();
  const read = backend.readEvents.bind(backend);
  const ready = backend.waitUntilReady.bind(backend);
  let start: Promise<string> | undefined;

  function from(): Promise<string> {
    start ??= ready()
      .then(lastId)
      .catch((error: unknown) => {
        start = undefined;
        throw error;
      });
    return start;
  }

  backend.readEvents = async (id, blockTimeoutMs) => read(id === '$' ? await from() : id, blockTimeoutMs);
  backend.waitUntilReady = async () => {
    await from();
  };
  events.run().catch((error: unknown) => events.emit('error', error instanceof Error ? error : new Error(String(error))));
  return events;
}
