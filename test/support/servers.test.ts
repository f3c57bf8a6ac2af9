import { connect } from 'node:net';
import { Redis } from 'ioredis';
import postgres from 'postgres';
import { afterAll, describe, expect, it } from 'vitest';
import { createFakeClock } from './clock.ts';
import { startPostgres } from './postgres.ts';
import { startProcess } from './process.ts';
import { startRedis } from './redis.ts';
import { startProxy } from './tcp-proxy.ts';

const stops: (() => Promise<unknown>)[] = [];
const cleanUp = (stop: () => Promise<unknown>) => stops.push(stop);
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

function client(port: number): Redis {
  const redis = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: null, retryStrategy: () => 20 });
  redis.on('error', () => {});
  cleanUp(async () => redis.disconnect());
  return redis;
}

describe('a Redis of one test file', () => {
  it('keeps what was written over kill -9 and restart on the same port', async () => {
    const server = await startRedis({ appendOnly: true });
    cleanUp(server.stop);
    const redis = client(server.port);
    await redis.set('key', 'kept');
    const { pid } = server;
    await server.kill();
    await server.restart();
    expect(server.pid).not.toBe(pid);
    expect(await redis.get('key')).toBe('kept');
  });

  it('takes further arguments', async () => {
    const server = await startRedis({ args: ['--requirepass', 'secret'] });
    cleanUp(server.stop);
    await expect(client(server.port).ping()).rejects.toThrow('NOAUTH');
  });

  it('says in its own words why it did not start', async () => {
    await expect(startRedis({ args: ['--no-such-setting', 'x'] })).rejects.toThrow('no-such-setting');
  });
});

describe('a PostgreSQL of one test file', () => {
  it('gives empty databases that do not see one another, and keeps them over kill -9 and restart', async () => {
    const server = await startPostgres({ settings: { max_connections: '33' } });
    cleanUp(server.stop);
    const [first, second] = [await server.createDatabase(), await server.createDatabase()];
    await run(first, 'create table t as select 1 as n');
    expect(await run(second, `select to_regclass('t') as t`)).toEqual([{ t: null }]);
    await server.kill();
    await server.restart();
    expect(await run(first, 'select n from t')).toEqual([{ n: 1 }]);
    expect(await run(first, 'show max_connections')).toEqual([{ max_connections: '33' }]);
  });
});

async function run(url: string, text: string): Promise<unknown[]> {
  const sql = postgres(url, { max: 1 });
  try {
    return [...(await sql.unsafe(text))];
  } finally {
    await sql.end();
  }
}

describe('the TCP proxy', () => {
  it('hands on, cuts, refuses and accepts again', async () => {
    const server = await startRedis();
    const proxy = await startProxy(server.port);
    cleanUp(proxy.stop);
    cleanUp(server.stop);
    const redis = client(proxy.port);
    const seen = proxy.seen('hello');
    expect(await redis.echo('hello')).toBe('hello');
    await seen;
    expect(proxy.connections).toBe(1);

    const closed = new Promise((resolve) => redis.once('close', resolve));
    await proxy.refuse();
    proxy.cut();
    await closed;
    expect(await connectionError(proxy.port)).toBe('ECONNREFUSED');

    await proxy.accept();
    expect(await redis.echo('back')).toBe('back');
  });

  it('holds replies back until told to go on, in order', async () => {
    const server = await startRedis();
    const proxy = await startProxy(server.port);
    cleanUp(proxy.stop);
    cleanUp(server.stop);
    const redis = client(proxy.port);
    await redis.ping();
    proxy.pause('replies');
    const done: number[] = [];
    const answers = [1, 2, 3].map((n) => redis.incr('n').then(() => done.push(n)));
    const direct = client(server.port);
    await expect.poll(() => direct.get('n')).toBe('3');
    expect(done).toEqual([]);
    proxy.resume();
    await Promise.all(answers);
    expect(done).toEqual([1, 2, 3]);
  });

  it('delays both ways', async () => {
    const server = await startRedis();
    const proxy = await startProxy(server.port);
    cleanUp(proxy.stop);
    cleanUp(server.stop);
    const redis = client(proxy.port);
    await redis.ping();
    proxy.delay(50);
    const start = performance.now();
    await redis.ping();
    expect(performance.now() - start).toBeGreaterThanOrEqual(95);
  });
});

function connectionError(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });
}

describe('a process', () => {
  it('gives its lines and its end', async () => {
    const child = startProcess(
      ['-e', `console.log('ready'); console.log(JSON.stringify({ level: 'info', env: process.env })); setInterval(() => {}, 1000)`],
      {
        env: { ONLY: 'this' },
      },
    );
    cleanUp(child.stop);
    expect(await child.line((line) => line === 'ready')).toBe('ready');
    const { env } = await child.entry(({ level }) => level === 'info');
    expect(env).toMatchObject({ ONLY: 'this' });
    expect(env).not.toHaveProperty('VITEST');
    child.kill('SIGTERM');
    expect(await child.exit).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('shows what it printed when the awaited line never comes', async () => {
    const child = startProcess(['-e', `console.error('broken'); process.exit(3)`]);
    await expect(child.line(() => false)).rejects.toThrow(/ended \(3\)[\s\S]*broken/);
  });
});

describe('the fake clock', () => {
  it('moves on command, the wall clock also backwards', () => {
    const clock = createFakeClock('2026-01-01T00:00:00Z');
    clock.advance(1_500);
    expect([clock.now(), clock.monotonic()]).toEqual([Date.parse('2026-01-01T00:00:01.5Z'), 1_500]);
    clock.setWallClock(0);
    expect([clock.now(), clock.monotonic()]).toEqual([0, 1_500]);
  });
});
