/**
 * Files in a folder. A file is written beside its place and renamed when it is whole: who reads gets the old one or the new one. After a crash the
 * database and the folder may differ by the files of the last second, as after a crash of any storage that answered too early; nothing is flushed by force.
 */
import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { addAbortSignal } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DAY } from '../clock.ts';
import { HivepulseError, messageOf, NotFoundError, PermanentError, UnavailableError } from '../errors.ts';
import type { FileStorage } from './contract.ts';
import { partsOf } from './path.ts';
import { createWatch, STALL_MS, watched } from './watch.ts';

export interface FolderStorageOptions {
  /** A source that yields nothing for so long ends the write, in milliseconds. Default 30,000. */
  stallMs?: number;
}

/** Names of files never start with a dot. */
const PARTIAL = '.partial';
/** Longer than any upload takes. */
const LEFT_BEHIND_MS = DAY;
const READ_BYTES = 256 * 1024;

export function createFolderStorage(folder: string, { stallMs = STALL_MS }: FolderStorageOptions = {}): FileStorage {
  const root = resolve(folder);
  const fileOf = (path: string): string => join(root, ...partsOf(path));
  const prepare = onceUnlessFailed(async () => {
    await mkdir(join(root, PARTIAL), { recursive: true, mode: 0o700 });
    await removeLeftBehind(join(root, PARTIAL));
  });

  return {
    async put(path, source, { signal }) {
      const file = fileOf(path);
      await ownErrors(prepare, root);
      const partial = join(root, PARTIAL, randomUUID());
      const watch = createWatch(signal, stallMs);
      let cause: { error: unknown } | undefined;
      const bytes = watched(source, watch, (error) => {
        cause = { error };
      });
      try {
        await ownErrors(async () => {
          // Opened beforehand: a stream that is ended before it has opened its file makes it afterwards.
          const handle = await open(partial, 'wx', 0o600);
          await pipeline(bytes, handle.createWriteStream());
          await moveTo(partial, file);
        }, root);
      } catch (error) {
        await rm(partial, { force: true });
        throw cause ? cause.error : error;
      } finally {
        watch.rest();
      }
    },

    async get(path, { signal }) {
      const file = fileOf(path);
      signal.throwIfAborted();
      const handle = await ownErrors(() => openFile(file), root);
      if (!handle) throw new NotFoundError('File', path);
      return read(addAbortSignal(signal, handle.createReadStream({ highWaterMark: READ_BYTES })), signal, root);
    },

    async remove(paths, { signal }) {
      const files = paths.map(fileOf);
      for (const file of files) {
        signal.throwIfAborted();
        await ownErrors(() => unlinkIfThere(file), root);
        await removeEmpty(dirname(file), root);
      }
    },
  };
}

function onceUnlessFailed(make: () => Promise<void>): () => Promise<void> {
  let made: Promise<void> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}

/** What a process that died was writing. */
async function removeLeftBehind(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const file = join(folder, name);
    const age = await stat(file)
      .then(({ mtimeMs }) => Date.now() - mtimeMs)
      .catch(() => 0);
    if (age > LEFT_BEHIND_MS) await rm(file, { force: true });
  }
}

/** Others may take the folder away, being empty, between the two steps: as often as they do, it is made again. */
async function moveTo(partial: string, file: string, triesLeft = MOVE_TRIES): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await rename(partial, file);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || triesLeft <= 1) throw error;
    await moveTo(partial, file, triesLeft - 1);
  }
}

const MOVE_TRIES = 100;

const MISSING = ['ENOENT', 'ENOTDIR', 'EISDIR'];

async function openFile(file: string): Promise<FileHandle | undefined> {
  try {
    const handle = await open(file, 'r');
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
  } catch (error) {
    if (!MISSING.includes(codeOf(error))) throw error;
  }
  return undefined;
}

async function* read(stream: AsyncIterable<Uint8Array>, signal: AbortSignal, root: string): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (error) {
    throw signal.aborted ? signal.reason : own(error, root);
  }
}

async function unlinkIfThere(file: string): Promise<void> {
  await unlink(file).catch((error: unknown) => {
    if (!MISSING.includes(codeOf(error))) throw error;
  });
}

/** Up to the root, as far as they are empty. */
async function removeEmpty(folder: string, root: string): Promise<void> {
  for (let at = folder; at !== root; at = dirname(at)) {
    const removed = await rmdir(at).then(
      () => true,
      () => false,
    );
    if (!removed) return;
  }
}

async function ownErrors<T>(act: () => Promise<T>, root: string): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw own(error, root);
  }
}

const FORBIDDEN = ['EACCES', 'EPERM', 'EROFS'];

function own(error: unknown, root: string): unknown {
  if (error instanceof HivepulseError || codeOf(error) === '') return error;
  if (FORBIDDEN.includes(codeOf(error))) {
    return new PermanentError(`Files cannot be kept in ${root}: ${codeOf(error)}. Give this process the right to write there, or set STORAGE_DIR`, {
      code: 'storage_forbidden',
      cause: error,
    });
  }
  return new UnavailableError(`The folder of the files failed: ${codeOf(error)}`, { code: 'storage_unavailable', cause: messageOf(error) });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && 'syscall' in error ? error.code : '';
}
