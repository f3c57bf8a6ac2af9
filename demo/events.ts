import { z } from 'zod';

const progressSchema = z.object({ progress: z.number(), total: z.number(), current_step: z.string() });
export type Progress = z.infer<typeof progressSchema>;

export interface ServerSentEvent {
  name: string;
  data: unknown;
  /** Of a `progress` event, and of a job that had made some when the stream was opened. */
  progress?: Progress;
}

const jobState = z.object({ progress: progressSchema });

/** Reads a stream of server-sent events, one JSON value each. Ends with the stream. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent> {
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

/** Undefined for comments, which keep the connection alive. */
function parse(block: string): ServerSentEvent | undefined {
  const field = (name: string): string[] => block.split('\n').flatMap((line) => (line.startsWith(`${name}: `) ? [line.slice(name.length + 2)] : []));
  const lines = field('data');
  if (lines.length === 0) return undefined;
  const [name = 'message'] = field('event');
  const data: unknown = JSON.parse(lines.join('\n'));
  const progress = name === 'progress' ? progressSchema.safeParse(data).data : jobState.safeParse(data).data?.progress;
  return { name, data, ...(progress ? { progress } : {}) };
}
