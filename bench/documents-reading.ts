import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Reading, Way } from './documents-reading-process.ts';
import type { Bench, Figure } from './report.ts';

const PROCESS = fileURLToPath(new URL('./documents-reading-process.ts', import.meta.url));
const PAGES = 500;
const LINES = 45;
const SCANS = 4;

/** Of full pages of text, as a contract has them. */
async function makePdf(path: string): Promise<void> {
  const { PDFDocument, StandardFonts } = await import('pdf-lib');
  const pdf = await PDFDocument.create();
  const font = await pdf.embedFont(StandardFonts.TimesRoman);
  for (let page = 1; page <= PAGES; page += 1) {
    const lines = Array.from(
      { length: LINES },
      (_, line) => `${page}.${line} The Supplier shall give notice number ${page * LINES + line} of any change of control to the Customer`,
    );
    pdf.addPage([595, 842]).drawText(lines.join('\n'), { x: 50, y: 790, size: 10, lineHeight: 16, font });
  }
  await writeFile(path, await pdf.save());
}

/** In a process of its own, so that its memory is that of this work alone. */
async function read(way: Way, pdf: string, scans: number): Promise<Reading> {
  const child = spawn(process.execPath, [PROCESS, way, pdf, `${scans}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString();
  });
  const code = await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
  if (code !== 0) throw new Error(`Reading ended with ${code}`);
  // Printed by documents-reading-process.ts.
  return JSON.parse(output) as Reading;
}

async function run(): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'hivepulse-bench-'));
  try {
    const pdf = join(folder, 'contract.pdf');
    await makePdf(pdf);
    const [inThreads, onMain] = [await read('threads', pdf, SCANS), await read('main', pdf, SCANS)];
    const [pdfInThreads, pdfOnMain] = [await read('threads', pdf, 0), await read('main', pdf, 0)];
    const late = { baseline: 'the same work on the main thread', baselineValue: onMain.p99Ms, n: inThreads.samples };
    const baseline = 'on the main thread';
    return [
      { bench: 'documents.reading.loop', unit: 'ms p99', value: inThreads.p99Ms, ratio: onMain.p99Ms / Math.max(inThreads.p99Ms, 0.1), ...late },
      lower('documents.reading.loop.max', 'ms', inThreads.maxMs, onMain.maxMs, inThreads.samples),
      {
        ...lower('documents.reading.ocr', 'pages/s', inThreads.scansPerSecond, onMain.scansPerSecond, SCANS),
        ratio: inThreads.scansPerSecond / onMain.scansPerSecond,
      },
      lower('documents.reading.pdf', 's', pdfInThreads.seconds, pdfOnMain.seconds, PAGES),
      lower('documents.reading.rss', 'MiB at most', pdfInThreads.maxRssMb, pdfOnMain.maxRssMb, PAGES),
    ];

    function lower(bench: string, unit: string, value: number, baselineValue: number, n: number): Figure {
      return { bench, unit, value, baseline, baselineValue, ratio: baselineValue / Math.max(value, 0.1), n };
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export const documentReadingBenches: Bench[] = [
  {
    name: 'documents.reading',
    about: `how late the event loop is while a PDF of ${PAGES} pages is read and ${SCANS} scanned pages are recognised at the same time, and the peak memory of a process that reads the PDF alone`,
    run,
  },
];
