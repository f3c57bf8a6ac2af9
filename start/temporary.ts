import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for what nobody needs after this process. */
export interface Temporary {
  /** Made when it is first asked for. */
  folder(): string;
  /** Safe to call twice. */
  remove(): Promise<void>;
}

export function createTemporary(): Temporary {
  let folder: string | undefined;
  return {
    folder: () => {
      folder ??= mkdtempSync(join(tmpdir(), 'hivepulse-'));
      return folder;
    },
    remove: async () => {
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}
