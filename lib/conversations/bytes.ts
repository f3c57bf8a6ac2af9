/** Pieces of at least `size` bytes, the last one perhaps shorter: what comes in crumbs costs no more than what comes in blocks. */
export async function* inPieces(source: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Buffer> {
  let crumbs: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of source) {
    crumbs.push(chunk);
    length += chunk.length;
    if (length < size) continue;
    yield Buffer.concat(crumbs);
    crumbs = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(crumbs);
}

/** The first piece, and a source that gives all of them, that one included. */
export async function peek(pieces: AsyncGenerator<Buffer>): Promise<{ head: Buffer; all: AsyncGenerator<Buffer> }> {
  const first = await pieces.next();
  const head = first.done ? Buffer.alloc(0) : first.value;
  async function* all(): AsyncGenerator<Buffer> {
    yield head;
    yield* pieces;
  }
  return { head, all: all() };
}
