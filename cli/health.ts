/**
 * `node dist/cli/health.js worker|api|scheduler`: the health check of a container. Asks the process beside it whether it is live; exits 0 or 1 with
 * one line that says why. It runs every few seconds for as long as the container does: nothing but Node's own modules is loaded.
 */
import { get } from 'node:http';

const PORTS: Readonly<Record<string, { variable: string; otherwise: string }>> = {
  worker: { variable: 'WORKER_PORT', otherwise: '0' },
  scheduler: { variable: 'WORKER_PORT', otherwise: '0' },
  api: { variable: 'PORT', otherwise: '3000' },
  'local-supabase': { variable: 'PORT', otherwise: '8000' },
};
const TIMEOUT_MS = 2_000;
/** Of an answer; ours are shorter. */
const MOST_SHOWN = 500;

// Only an answer makes it 0.
process.exitCode = 1;
const role = process.argv[2] ?? '';
const asked = PORTS[role];
if (!asked) end(1, `usage: health ${Object.keys(PORTS).join('|')}`);
else {
  const port = Number(process.env[asked.variable] || asked.otherwise);
  if (Number.isInteger(port) && port > 0 && port < 65_536) ask(port);
  else end(1, `${role}: ${asked.variable} names no port to ask`);
}

function ask(port: number): void {
  // Wherever the process is bound to: in a container that is every address.
  const request = get({ host: '127.0.0.1', port, path: '/health/live', agent: false }, (response) => {
    let body = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      body = (body + chunk).slice(0, MOST_SHOWN);
    });
    response.on('error', ({ message }) => end(1, `${role}: ${message}`));
    response.on('end', () => end(response.statusCode === 200 ? 0 : 1, `${role}: ${response.statusCode} ${body.trim()}`));
  });
  request.on('error', ({ message }) => end(1, `${role}: ${message}`));
  setTimeout(() => end(1, `${role}: no answer within ${TIMEOUT_MS} ms`), TIMEOUT_MS).unref();
}

function end(code: 0 | 1, line: string): void {
  (code === 0 ? process.stdout : process.stderr).write(`${line}\n`, () => process.exit(code));
}
