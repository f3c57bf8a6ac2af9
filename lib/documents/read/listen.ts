/** The parent's end of a thread's messages: takes them in, answers them, and notices silence. */
import type { MessagePort } from 'node:worker_threads';
import type { Message } from './messages.ts';
import type { Reading } from './text-of-file.ts';

export interface Listening {
  /** Aborted by silence, and by what cannot be taken in (a limit). The thread is to be ended then. */
  signal: AbortSignal;
  /** Something was heard: the thread itself is in order. */
  hasOpened(): boolean;
  /** The page took longer than `pageMs`. */
  isSilent(): boolean;
  end(): void;
}

export function listen(port: MessagePort, reading: Reading, pageMs: number): Listening {
  const stop = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let hasOpened = false;
  let isSilent = false;

  /** Only the pages of a PDF can be told apart; other files have all the time that the document has. */
  function expect(): void {
    if (reading.draft.format !== 'pdf' || stop.signal.aborted) return;
    timer = setTimeout(() => {
      isSilent = true;
      stop.abort(new Error('Silence'));
    }, pageMs);
  }

  async function answer(message: Message): Promise<void> {
    clearTimeout(timer);
    hasOpened = true;
    try {
      await take(message, reading);
      port.postMessage(null);
      expect();
    } catch (error) {
      stop.abort(error);
    }
  }

  port.on('message', (message: Message) => void answer(message));
  return {
    signal: stop.signal,
    hasOpened: () => hasOpened,
    isSilent: () => isSilent,
    end() {
      stop.abort(new Error('The thread has ended'));
      clearTimeout(timer);
      port.close();
    },
  };
}

async function take(message: Message, reading: Reading): Promise<void> {
  const { draft, watch, pages, onProgress } = reading;
  if (message.kind === 'opened') watch.start();
  if (message.kind !== 'page') return draft.add(message);
  reading.next = message.page + 1;
  if (message.picture) await pages.take(message.page, message.picture);
  else draft.add(message);
  onProgress?.(message.page, draft.total, 'reading');
}
