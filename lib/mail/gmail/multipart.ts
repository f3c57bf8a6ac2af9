/** Reads `multipart/mixed` while it arrives, part by part: an answer of many MB is never in memory as a whole. */

const NEW_LINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const FIRST_BUFFER_BYTES = 65_536;

/** Of a Content-Type, quoted or not; undefined where there is none. */
export function boundaryOf(contentType: string | null): string | undefined {
  const [, quoted, plain] = /;\s*boundary\s*=\s*(?:"([^"]+)"|([^\s;]+))/i.exec(contentType ?? '') ?? [];
  return quoted ?? plain;
}

/**
 * The bytes of each whole part, without the line breaks around it; lines may end in CRLF or LF. What comes before the first boundary, and a part
 * that breaks off, is left out. The bytes are good until the next part is asked for.
 */
export async function* partsOf(body: AsyncIterable<Uint8Array>, boundary: string): AsyncGenerator<Buffer> {
  const delimiter = Buffer.from(`\n--${boundary}`);
  const window = createWindow();
  // As if a line had ended before: the first boundary needs none.
  window.append(Buffer.from('\n'));
  let inPart = false;
  for await (const chunk of body) {
    window.append(chunk);
    for (let at = window.find(delimiter); at >= 0; at = window.find(delimiter)) {
      if (inPart) yield trim(window.bytes(at));
      window.drop(at + delimiter.length);
      inPart = true;
    }
  }
}

/** Bytes that came and are not used up, in one growing buffer that looks at each byte once. */
function createWindow() {
  let buffer = Buffer.allocUnsafe(FIRST_BUFFER_BYTES);
  let start = 0;
  let end = 0;
  let searched = 0;

  const makeRoom = (bytes: number): void => {
    if (end + bytes <= buffer.length) return;
    const held = end - start;
    const larger = held + bytes > buffer.length / 2 ? Buffer.allocUnsafe(2 * (held + bytes)) : buffer;
    buffer.copy(larger, 0, start, end);
    buffer = larger;
    searched -= start;
    start = 0;
    end = held;
  };
  return {
    append(chunk: Uint8Array): void {
      makeRoom(chunk.length);
      buffer.set(chunk, end);
      end += chunk.length;
    },
    /** From the start of the window, or -1. */
    find(needle: Buffer): number {
      const at = buffer.subarray(0, end).indexOf(needle, Math.max(start, searched));
      searched = at < 0 ? Math.max(start, end - needle.length + 1) : at;
      return at < 0 ? -1 : at - start;
    },
    bytes: (length: number): Buffer => buffer.subarray(start, start + length),
    drop(length: number): void {
      start += length;
      searched = start;
    },
  };
}

/** The rest of the boundary's line, and the line break that belongs to the next boundary. */
function trim(part: Buffer): Buffer {
  const lineEnd = part.indexOf(NEW_LINE);
  // No line: what follows the last boundary.
  if (lineEnd < 0) return part.subarray(part.length);
  const end = part.at(-1) === CARRIAGE_RETURN ? part.length - 1 : part.length;
  return part.subarray(Math.min(lineEnd + 1, end), end);
}
