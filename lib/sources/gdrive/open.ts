import type { OpenedFile, SourceItem } from '../contract.ts';
import { isMissing, itemErrorOr } from './failure.ts';
import type { Handle } from './item.ts';
import type { DriveMethods } from './methods.ts';

/** The content of a file, as it is now. Undefined: it is gone. Throws `ItemError`. */
export async function openFile(item: SourceItem, methods: DriveMethods): Promise<OpenedFile | undefined> {
  const { exportAs } = handleOf(item);
  try {
    const { sizeBytes, content } = await methods.content(item.ref, exportAs);
    return { name: item.name, mimeType: item.mimeType, sizeBytes, content };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw itemErrorOr(error);
  }
}

function handleOf({ handle }: SourceItem): Handle {
  const exportAs: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'exportAs') : undefined;
  return { exportAs: typeof exportAs === 'string' ? exportAs : undefined };
}
