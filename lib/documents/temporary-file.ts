import { createHash } from 'node:crypto';
import { mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { DAY } from '../clock.ts';
import { PermanentError } from '../errors.ts';

export interface TemporaryFile {
  path: string;
  sizeBytes: number;
  /** SHA-256, hex. */
  contentHash: string;
}

const PREFIX = 'hivepulse-document-';
/** Longer than any document takes. */
const LEFT_BEHIND_MS = DAY;

let removed: Promise<void> | undefined;

/** Documents that a process left in `folder` when it was killed: they are somebody's secrets. */
export async function removeLeftBehind(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.startsWith(PREFIX));
  await Promise.all(
    names.map(async (name) => {
      const { mtimeMs } = await stat(join(folder, name));
      if (Date.now() - mtimeMs > LEFT_BEHIND_MS) await rm(join(folder, name), { recursive: true, force: true });
    }),
  );
}

/**
 * Writes a stream to a file of this machine's temporary folder for as long as `use` takes; it is removed whatever happens. Throws `PermanentError`
 * (`document_too_large`) when there is more than `limitBytes`.
 */
export async function withTemporaryFile<T>(
  source: AsyncIterable<Uint8Array>,
  { limitBytes, signal, within = tmpdir() }: { limitBytes: number; signal: AbortSignal; within?: string },
  use: (file: TemporaryFile) => Promise<T>,
): Promise<T> {
  // Another process may be at it too; what it has removed is gone.
  removed ??= removeLeftBehind(within).catch(() => undefined);
  await removed;
  const folder = await mkdtemp(join(within, PREFIX));
  try {
    const path = join(folder, 'file');
    const hash = createHash('sha256');
    let sizeBytes = 0;
    const counted = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of source) {
        sizeBytes += chunk.length;
        if (sizeBytes > limitBytes) throw tooLarge(limitBytes);
        hash.update(chunk);
        yield chunk;
      }
    };
    const handle = await open(path, 'wx', 0o600);
    await pipeline(counted, handle.createWriteStream(), { signal });
    return await use({ path, sizeBytes, contentHash: hash.digest('hex') });
  } catch (error) {
    // A pipeline ends with an error of its own, whatever the reason was.
    signal.throwIfAborted();
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function tooLarge(limitBytes: number): PermanentError {
  const message = `The file is larger than the ${Math.floor(limitBytes / 1024 / 1024)} MiB that a document may have (DOCUMENT_LIMIT_BYTES): split it, or compress its pictures`;
  return new PermanentError(message, { code: 'document_too_large', details: { limitBytes } });
}
