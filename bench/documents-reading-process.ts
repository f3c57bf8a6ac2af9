/**
 * Started by `bench/documents-reading.ts`: reads a PDF and recognises a scanned page a number of times, at once in threads as the product does it, or one after
 * the other on the main thread. Prints what that took as JSON.
 */
import { readFileSync, statSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { MessageChannel } from 'node:worker_threads';
import { chunk } from '../lib/documents/chunks.ts';
import { createOcr } from '../lib/documents/ocr/ocr.ts';
import { createReader } from '../lib/documents/read/index.ts';
import { READ_LIMITS } from '../lib/documents/read/limits.ts';

export type Way = 'threads' | 'main';

export interface Reading {
  p99Ms: number;
  maxMs: number;
  samples: number;
  seconds: number;
  scansPerSecond: number;
  maxRssMb: number;
}

const RESOLUTION_MS = 5;
const scan = readFileSync(new URL('../test/fixtures/ocr/8087_054.3B.tif', import.meta.url));
const [way, pdf = '', scans = '0'] = process.argv.slice(2);
const signal = new AbortController().signal;

async function inThreads(): Promise<number> {
  const ocr = createOcr();
  const reader = createReader({ ocr });
  const file = { path: pdf, name: 'contract.pdf', mimeType: 'application/pdf', sizeBytes: statSync(pdf).size };
  const recognised = timed(() => Promise.all(Array.from({ length: Number(scans) }, () => ocr.recognize(scan, { signal }))));
  const { pages, blocks } = await reader.read(file, { signal });
  if (pages.some(({ state }) => state !== 'text')) throw new Error('A page of the PDF was not read');
  chunk(blocks);
  const seconds = await recognised;
  await Promise.all([ocr.close(), reader.close()]);
  return seconds;
}

/** The code of the threads, here. */
async function onMain(): Promise<number> {
  const [{ default: read }, { default: recognize }] = await Promise.all([
    import('../lib/documents/read/thread.ts'),
    import('../lib/documents/ocr/thread.ts'),
  ]);
  const { port1: mine, port2: port } = new MessageChannel();
  mine.on('message', () => mine.postMessage(null));
  await read({ path: pdf, name: 'contract.pdf', from: 1, limits: READ_LIMITS, memoryMb: 512, port });
  mine.close();
  const dataPath = new URL('4.0.0_best_int', import.meta.resolve('@tesseract.js-data/eng/package.json')).pathname;
  return timed(async () => {
    for (let page = 0; page < Number(scans); page += 1) {
      await recognize({ image: scan, orientation: 1, dpi: undefined, forgets: false, engine: { dataPath, languages: ['eng'] } });
    }
  });
}

/** In seconds. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1_000;
}

const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();
let scanSeconds = 0;
const seconds = await timed(async () => {
  scanSeconds = await (way === 'threads' ? inThreads() : onMain());
});
// The last, which may have been held up, is counted when its turn comes.
await new Promise((resolve) => setTimeout(resolve, 2 * RESOLUTION_MS));
// A timer that is on time is counted as its own resolution.
const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
const reading: Reading = {
  p99Ms: late(delay.percentile(99)),
  maxMs: late(delay.max),
  samples: delay.count,
  seconds,
  scansPerSecond: Number(scans) / Math.max(scanSeconds, 0.001),
  maxRssMb: process.resourceUsage().maxRSS / 1_024,
};
// The reader's thread silences the console.
process.stdout.write(JSON.stringify(reading));
