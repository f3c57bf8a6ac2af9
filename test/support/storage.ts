import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { importLite } from '../../lib/db/lite-app.ts';

/** Supabase Storage over real HTTP, as @supabase/lite has it (on SQLite, bytes in memory). Says 500 where the real one says 409, and takes files of any size. */
export interface StorageServer {
  readonly url: string;
  readonly port: number;
  readonly serviceKey: string;
  /** What is stored, by `bucket/path`. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Content lengths that uploads announced; null where they did not. */
  readonly announced: (string | null)[];
  /** Of its own API, such as `DELETE /bucket/…`. */
  ask(method: string, path: string, body?: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

export async function startStorageServer(): Promise<StorageServer> {
  const files = new Map<string, Uint8Array>();
  const announced: (string | null)[] = [];
  const serviceKey = 'sb_secret_of_the_storage';
  const app = await liteStorage(files, serviceKey);
  const server = createServer((request, response) => {
    const headers = new Headers(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    if (request.url?.startsWith('/storage/v1/object/') && request.method === 'POST') announced.push(headers.get('content-length'));
    const hasBody = request.method !== 'GET' && request.method !== 'HEAD';
    // Node's own streams, under the names of the DOM's types.
    const body = hasBody ? (Readable.toWeb(request) as ReadableStream<Uint8Array>) : null;
    const init: RequestInit = { method: request.method ?? 'GET', headers, body, ...(hasBody ? { duplex: 'half' } : {}) };
    app(new Request(`http://127.0.0.1${request.url}`, init))
      .then((answer) => send(answer, response))
      .catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // Listening on a port, so never a pipe's name.
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    port,
    serviceKey,
    files,
    announced,
    ask: async (method, path, body) => {
      const headers = { apikey: serviceKey, authorization: `Bearer ${serviceKey}`, 'content-type': 'application/json' };
      const reply = await fetch(`${url}/storage/v1${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
      return reply.json();
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function send(answer: Response, response: ServerResponse): Promise<void> {
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  for await (const chunk of answer.body ?? []) if (!response.write(chunk)) await new Promise((resolve) => response.once('drain', resolve));
  response.end();
}

async function liteStorage(files: Map<string, Uint8Array>, serviceKey: string): Promise<(request: Request) => Promise<Response>> {
  const { App, InMemoryEmailDriver } = await importLite('@supabase/lite', () => import('@supabase/lite'));
  const { createConnection } = await import('@supabase/lite/sqlite');
  const app = new App({
    connection: await createConnection({ url: ':memory:' }),
    auth: {
      enabled: true,
      jwt_secret: 'a-secret-that-is-long-enough-for-hs256',
      secret_key: serviceKey,
      publishable_key: 'sb_publishable_of_the_storage',
    },
    storage: { enabled: true },
    studio: { enabled: false },
    options: { server: { disableStudio: true }, drivers: { email: new InMemoryEmailDriver() } },
  });
  app._storageAdapter = inMemory(files);
  await app.init();
  await app.ensureSystemSchema();
  return async (request) => app.fetch(request);
}

type Adapter = NonNullable<InstanceType<typeof import('@supabase/lite').App>['_storageAdapter']>;

function inMemory(files: Map<string, Uint8Array>): Adapter {
  const about = (file: Uint8Array, mimetype: string) => ({
    cacheControl: 'no-cache',
    contentLength: file.length,
    size: file.length,
    mimetype,
    lastModified: new Date(),
    eTag: '"1"',
    httpStatusCode: 200,
  });
  const find = (bucket: string, key: string): Uint8Array => {
    const file = files.get(`${bucket}/${key}`);
    if (file) return file;
    throw new Error('There is no such object');
  };
  const never = async (): Promise<never> => {
    throw new Error('Nobody asks for this here');
  };
  return {
    driver: files,
    getObject: async (bucket, key) => {
      const file = find(bucket, key);
      return { metadata: about(file, 'application/octet-stream'), httpStatusCode: 200, body: new Blob([Buffer.from(file)]) };
    },
    uploadObject: async (bucket, key, _version, body, contentType) => {
      // A stream, or bytes: both are bodies.
      const file = new Uint8Array(await new Response(body as RequestInit['body']).arrayBuffer());
      files.set(`${bucket}/${key}`, file);
      return about(file, contentType);
    },
    deleteObject: async (bucket, key) => void files.delete(`${bucket}/${key}`),
    deleteObjects: async (bucket, keys) => {
      for (const key of keys) files.delete(`${bucket}/${key}`);
    },
    headObject: async (bucket, key) => about(find(bucket, key), 'application/octet-stream'),
    copyObject: never,
    privateAssetUrl: never,
  };
}
