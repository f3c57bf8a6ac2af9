/** A model server for the containers of the test: each answer takes four seconds. `GET /asked` tells how often it was asked. */
import { createServer, request } from 'node:http';
import { startLlm } from '../support/llm.ts';

const ANSWER_AFTER_MS = 4_000;
const llm = await startLlm();

createServer((incoming, response) => {
  if (incoming.url === '/asked') return void response.end(String(llm.requests().length));
  const forward = (): void => {
    const onward = request(new URL(incoming.url ?? '/', llm.url), { method: incoming.method, headers: incoming.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    incoming.pipe(onward);
  };
  setTimeout(forward, ANSWER_AFTER_MS);
}).listen(8080, '0.0.0.0');
