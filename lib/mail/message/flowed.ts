/** Text that was wrapped for narrow screens, put together again: RFC 3676. */
interface Line {
  depth: number;
  text: string;
}

function readLine(line: string): Line {
  const depth = /^>*/.exec(line)?.[0].length ?? 0;
  // A space was put before what begins with `>`, `From ` or a space.
  return { depth, text: line.slice(depth).replace(/^ /, '') };
}

/** `deleteSpace`: the space that marks a soft break is none of the text (DelSp=yes). */
export function unflow(text: string, deleteSpace: boolean): string {
  const out: string[] = [];
  let open: { depth: number; pieces: string[] } | undefined;
  const close = (): void => {
    if (open) out.push((open.depth ? `${'>'.repeat(open.depth)} ` : '') + open.pieces.join(''));
    open = undefined;
  };
  for (const { depth, text: line } of text.split(/\r?\n/).map(readLine)) {
    // Neither another level of quoting nor a signature continues a paragraph.
    if (open && (open.depth !== depth || line === '-- ')) close();
    const isSoft = line.endsWith(' ') && line !== '-- ';
    open ??= { depth, pieces: [] };
    open.pieces.push(isSoft && deleteSpace ? line.slice(0, -1) : line);
    if (!isSoft) close();
  }
  close();
  return out.join('\n');
}
