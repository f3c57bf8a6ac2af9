/**
 * What runs in a reading thread: one file at a time. What it finds goes to the parent as it is found (see `messages.ts`). Why a file cannot be read is a
 * value, since errors lose their code between threads.
 */
import { readFile, stat } from 'node:fs/promises';
import { HivepulseError, messageOf } from '../../errors.ts';
import { corrupt, outOfMemory, tooLarge } from './failures.ts';
import { createTell, type ReadEnd, type ReadTask } from './messages.ts';
import { mislabelled, type Recognised, recognise } from './recognise.ts';
import { createWriter, type Writer } from './writer.ts';

// Parsers print what they do not understand, and with it the text of documents.
for (const method of ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const) console[method] = () => {};

export default async function read(task: ReadTask): Promise<ReadEnd> {
  const tell = createTell(task.port);
  await tell({ kind: 'opened' });
  boundWebAssembly(task.memoryMb);
  try {
    const found = await recognise(await load(task), task.name, task.limits);
    await tell({ kind: 'format', format: found.format });
    const out = createWriter(tell);
    const warning = mislabelled(task.name, found.format);
    if (warning) await out.warn(warning);
    await readAs(found, out, task);
    return {};
  } catch (error) {
    return endOf(error, task.memoryMb);
  }
}

async function load({ path, limits: { fileBytes } }: ReadTask): Promise<Buffer> {
  const { size } = await stat(path);
  if (size > fileBytes) throw tooLarge(`${Math.ceil(size / 2 ** 20)} MiB; up to ${Math.floor(fileBytes / 2 ** 20)} can be read`);
  return readFile(path);
}

async function readAs(found: Recognised, out: Writer, { from, limits }: ReadTask): Promise<void> {
  switch (found.format) {
    case 'pdf':
      return (await import('./pdf.ts')).readPdf(found.bytes, out, { from, mostPages: limits.pages });
    case 'docx':
      return (await import('./docx.ts')).readDocx(found.archive, out);
    case 'pptx':
      return (await import('./pptx.ts')).readPptx(found.archive, out);
    case 'xlsx':
      return (await import('./xlsx.ts')).readXlsx(found.archive, out);
    case 'odt':
      return (await import('./open-document.ts')).readOpenDocument(found.archive, out);
    case 'rtf':
      return (await import('./rtf.ts')).readRtf(found.bytes, out);
    case 'html':
      return (await import('./html.ts')).readHtml(found.text, out);
    case 'eml':
      return (await import('./mail.ts')).readMail(found.bytes, out);
    case 'csv':
      return (await import('./plain.ts')).readCsv(found.text, out);
    case 'txt':
      return (await import('./plain.ts')).readText(found.text, out);
    case 'image':
      // Its pages are the parent's, who has the OCR.
      return;
  }
}

function endOf(error: unknown, memoryMb: number): ReadEnd {
  if (error instanceof HivepulseError) return { failure: { code: error.code, message: error.message } };
  // Of the file system.
  if (error instanceof Error && 'syscall' in error) return { fault: messageOf(error) };
  if (error instanceof WebAssembly.RuntimeError) return { crashed: messageOf(error) };
  const { code, message } = isTooBig(error) ? outOfMemory(memoryMb) : corrupt('its content does not make sense');
  return { failure: { code, message } };
}

/** Strings have a longest length, and buffers a largest size. */
const isTooBig = (error: unknown): boolean =>
  error instanceof RangeError && /invalid (?:string|array|typed array) length|allocation failed|cannot create a string/i.test(messageOf(error));

const { grow } = WebAssembly.Memory.prototype;

/** A thread's limits leave out what WebAssembly takes. Asked for more, PDFium finds no memory, and the page ends it. */
function boundWebAssembly(memoryMb: number): void {
  WebAssembly.Memory.prototype.grow = function (this: WebAssembly.Memory, pages: number): number {
    if (this.buffer.byteLength + pages * 2 ** 16 > memoryMb * 2 ** 20) throw new RangeError('Out of memory');
    return grow.call(this, pages);
  };
}
