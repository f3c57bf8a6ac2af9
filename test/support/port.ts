import { createServer } from 'node:net';

/** A TCP port on the loopback interface that is free now. Another process may take it before you do: whoever listens on it retries with a new one. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new Error('The kernel gave no port');
  return address.port;
}
