/** What a reading thread and its parent say to each other. Each message is answered before the next is sent: nobody runs ahead, and silence tells. */
import type { MessagePort } from 'node:worker_threads';
import type { DocumentFormat, ReadBlock } from '../contract.ts';
import type { ReadLimits } from './limits.ts';

export interface ReadTask {
  path: string;
  name: string;
  /** The page to begin with, from 1: those before were read, or were the end of another thread. */
  from: number;
  limits: ReadLimits;
  memoryMb: number;
  port: MessagePort;
}

export type Message =
  | { kind: 'opened' }
  | { kind: 'format'; format: DocumentFormat }
  | { kind: 'title'; title: string }
  | { kind: 'total'; pages: number }
  | { kind: 'warning'; text: string }
  | { kind: 'blocks'; blocks: ReadBlock[] }
  /** All of its blocks were sent. `picture`: it has hardly any text of its own, this is how it looks. */
  | { kind: 'page'; page: number; failed?: boolean; picture?: { image: Uint8Array; dpi: number } };

/** Empty: all was read. */
export interface ReadEnd {
  /** Why the file cannot be read. */
  failure?: { code: string; message: string };
  /** The page that was being read took its reader down, the next one may be fine. */
  crashed?: string;
  /** The machine's, not the file's. */
  fault?: string;
}

export type Tell = (message: Message) => Promise<void>;

export function createTell(port: MessagePort): Tell {
  return (message) =>
    new Promise((resolve) => {
      port.once('message', () => resolve());
      port.postMessage(message, message.kind === 'page' && message.picture ? [message.picture.image.buffer as ArrayBuffer] : []);
    });
}
