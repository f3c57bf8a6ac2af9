export interface ServerSentEvent {
  name: string;
  /** One JSON value. */
  data: unknown;
}

/** Reads a stream of server-sent events as Hivepulse sends them. Ends with the stream; throws what breaks it. */
export async function* serverSentEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  let text = '';
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    const blocks = (text + chunk).split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const event = parse(block);
      if (event) yield event;
    }
  }
}

/** Undefined for comments, which only keep the connection alive. */
function parse(block: string): ServerSentEvent | undefined {
  const lines = block.split('\n');
  const field = (name: string): string[] => lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trim());
  const data = field('data');
  return data.length === 0 ? undefined : { name: field('event')[0] ?? 'message', data: JSON.parse(data.join('\n')) };
}
