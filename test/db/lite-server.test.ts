import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadLocalSupabaseConfig } from '../../lib/config.ts';
import { createLiteServer, type LiteServer } from '../../lib/db/lite-server.ts';
import { deadlineIn } from '../../lib/lifecycle.ts';

describe('the server in front of lite', () => {
  let server: LiteServer;
  let url: string;
  let live = true;

  beforeAll(async () => {
    const fetch: typeof globalThis.fetch = async (...asked) => {
      const request = new Request(...asked);
      if (request.url.endsWith('/broken')) throw new Error('postgres://user:secret@host is away');
      return Response.json({ path: new URL(request.url).pathname, key: request.headers.get('apikey'), body: await request.text() }, { status: 201 });
    };
    server = createLiteServer({ fetch }, async () => {
      if (!live) throw new Error('away');
    });
    url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`;
  });
  afterAll(() => server.stop(deadlineIn(1_000)));

  test('hands requests on as they came, and answers back', async () => {
    const answer = await fetch(`${url}/rest/v1/stories`, { method: 'POST', headers: { apikey: 'key' }, body: '{"title":"Ü"}' });
    expect(answer.status).toBe(201);
    expect(await answer.json()).toEqual({ path: '/rest/v1/stories', key: 'key', body: '{"title":"Ü"}' });
  });

  test('says nothing about what went wrong inside', async () => {
    const answer = await fetch(`${url}/broken`);
    expect(answer.status).toBe(500);
    expect(await answer.text()).toBe('{"status":500}');
  });

  test('refuses bodies that are no rows', async () => {
    const answer = await fetch(`${url}/rest/v1/stories`, { method: 'POST', body: Buffer.alloc(65 * 1024 * 1024) });
    expect(answer.status).toBe(413);
  });

  test('is live while the database is', async () => {
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    live = false;
    expect((await fetch(`${url}/health/live`)).status).toBe(500);
  });
});

test('the local Supabase-compatible API names every key that it lacks', () => {
  expect(() => loadLocalSupabaseConfig({ DATABASE_URL: 'postgresql://localhost/x' })).toThrow(
    /SUPABASE_SERVICE_ROLE_KEY is missing[\s\S]*SUPABASE_PUBLISHABLE_KEY is missing[\s\S]*SUPABASE_JWT_SECRET is missing/,
  );
});
