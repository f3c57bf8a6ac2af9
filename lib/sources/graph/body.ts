import { PermanentError } from '../../errors.ts';

/** The same answer, with its body read. Throws `PermanentError` (`answer_too_big`) beyond `maxBytes`. */
export async function wholeAnswer(response: Response, maxBytes: number, label: string): Promise<Response> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    // Leaving the loop ends the connection.
    if (size > maxBytes) throw new PermanentError(`${label} answered with more than ${maxBytes} bytes`, { code: 'answer_too_big' });
    chunks.push(chunk);
  }
  const { status, headers } = response;
  return new Response(size === 0 ? null : Buffer.concat(chunks), { status, headers });
}
