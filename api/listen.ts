import type { AddressInfo } from 'node:net';
import { HivepulseError } from '../lib/errors.ts';
import type { App } from './deps.ts';

/**
 * Listens; resolves to the port, which the system chooses for 0.
 * Throws `HivepulseError` with code `port_taken`, `port_forbidden` or `host_unknown`, saying which variable to change.
 */
export async function listenFriendly(app: App, { host, port }: { host: string; port: number }): Promise<{ port: number }> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw explain(error, host, port) ?? error;
  }
  return { port: portOf(app.server.address()) ?? port };
}

function portOf(address: AddressInfo | string | null): number | undefined {
  return typeof address === 'object' && address !== null ? address.port : undefined;
}

function explain(error: unknown, host: string, port: number): HivepulseError | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    return new HivepulseError(
      `Port ${port} on ${host} is taken by another program. Stop it, or set PORT to a free one (PORT=${port + 1} npm start).`,
      {
        code: 'port_taken',
        details: { host, port, variable: 'PORT' },
      },
    );
  }
  if (code === 'EACCES') {
    return new HivepulseError(`Port ${port} needs more rights than this process has. Set PORT to one above 1023.`, {
      code: 'port_forbidden',
      details: { host, port, variable: 'PORT' },
    });
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new HivepulseError(`This machine has no address ${host} to listen on.`, { code: 'host_unknown', details: { host, port } });
  }
  return undefined;
}
