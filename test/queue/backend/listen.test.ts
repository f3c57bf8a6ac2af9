import { describe, expect, it, vi } from 'vitest';
import { UnavailableError } from '../../../lib/errors.ts';
import { channelOf, createListenClient } from '../../../lib/queue/backend/listen-client.ts';
import { createListenHub, type ListenEvents } from '../../../lib/queue/backend/listen-hub.ts';
import { checkPool } from '../../../lib/queue/backend/postgres-check.ts';

/** A server that takes LISTEN; the test delivers, or does not, and cuts. */
function scriptedListener(failures = 0) {
  const state = { opened: 0, channels: [] as string[], events: undefined as ListenEvents | undefined };
  const open = async (events: ListenEvents) => {
    state.opened += 1;
    if (state.opened <= failures) throw new Error('refused');
    state.events = events;
    state.channels = [];
    return {
      listen: async (channel: string) => {
        state.channels.push(channel);
      },
      close: async () => undefined,
    };
  };
  return { state, open };
}

const noQueries = { query: async () => ({ rows: [] }) };

describe('the channel of a statement', () => {
  it.each([
    ['-- Subscribe to the shared channel.\n-- LISTEN other;\nLISTEN bullmq_jobs;\n', 'bullmq_jobs'],
    ['listen "odd_name"', 'odd_name'],
    ['select 1', undefined],
    ["-- LISTEN nothing\nselect 'listen x'", undefined],
    ['UNLISTEN bullmq_jobs', undefined],
  ])('%j is %s', (text, channel) => {
    expect(channelOf(text)).toBe(channel);
  });
});

describe('listening together', () => {
  it('opens one connection and listens once to a channel that many share', async () => {
    const { state, open } = scriptedListener();
    const hub = createListenHub({ open });
    const heard: string[] = [];
    const clients = ['a', 'b', 'c'].map((name) => {
      const client = createListenClient(hub, noQueries, 'mine');
      client.on('notification', ({ channel, payload }) => heard.push(`${name}:${channel}:${payload}`));
      return client;
    });
    await Promise.all(clients.map((client) => client.query('LISTEN jobs')));
    await clients[0]?.query('LISTEN events');
    expect(state).toMatchObject({ opened: 1, channels: ['jobs', 'events'] });
    heard.length = 0;
    state.events?.notification('jobs', 'mine');
    state.events?.notification('events', 'mine');
    state.events?.notification('jobs', 'of another queue');
    expect(heard).toEqual(['a:jobs:mine', 'b:jobs:mine', 'c:jobs:mine', 'a:events:mine']);
  });

  it('tells nothing more to one who has left', async () => {
    const { state, open } = scriptedListener();
    const client = createListenClient(createListenHub({ open }), noQueries, 'mine');
    const heard: unknown[] = [];
    client.on('notification', (message) => heard.push(message));
    await client.query('LISTEN jobs');
    heard.length = 0;
    client.release(true);
    state.events?.notification('jobs', 'mine');
    expect(heard).toEqual([]);
  });

  it('keeps what was said while nobody had an ear for the next one, once', async () => {
    const { state, open } = scriptedListener();
    const client = createListenClient(createListenHub({ open }), noQueries, 'mine');
    await client.query('LISTEN jobs');
    const heard: unknown[] = [];
    const ear = (message: unknown) => heard.push(message);
    client.on('notification', ear);
    await vi.waitFor(() => expect(heard).toHaveLength(1));
    client.removeListener('notification', ear);
    state.events?.notification('jobs', 'mine');
    state.events?.notification('jobs', 'mine');
    state.events?.notification('jobs', 'of another queue');
    client.on('notification', ear);
    await vi.waitFor(() =>
      expect(heard).toEqual([
        { channel: 'jobs', payload: 'mine' },
        { channel: 'jobs', payload: 'mine' },
      ]),
    );
  });

  it('tells everybody when the connection is lost, and opens another for the next who listens', async () => {
    const { state, open } = scriptedListener();
    const hub = createListenHub({ open });
    const lost: Error[] = [];
    const [first, second] = [createListenClient(hub, noQueries, 'mine'), createListenClient(hub, noQueries, 'mine')];
    for (const client of [first, second]) {
      client.on('error', (error) => lost.push(error));
      await client.query('LISTEN jobs');
    }
    state.events?.lost(new Error('cut'));
    expect(lost).toEqual([expect.any(UnavailableError), expect.any(UnavailableError)]);
    await first.query('LISTEN jobs');
    expect(state).toMatchObject({ opened: 2, channels: ['jobs'] });
  });

  it('hears nothing of the end of a connection that was replaced', async () => {
    const { state, open } = scriptedListener();
    const client = createListenClient(createListenHub({ open }), noQueries, 'mine');
    const lost: Error[] = [];
    client.on('error', (error) => lost.push(error));
    await client.query('LISTEN jobs');
    const replaced = state.events;
    replaced?.lost(new Error('cut'));
    await client.query('LISTEN jobs');
    replaced?.lost(new Error('and ended'));
    expect(lost).toHaveLength(1);
  });

  it('tries again while the server refuses', async () => {
    const { state, open } = scriptedListener(2);
    await createListenClient(createListenHub({ open }), noQueries, 'mine').query('LISTEN jobs');
    expect(state).toMatchObject({ opened: 3, channels: ['jobs'] });
  });

  it('reports a connection that breaks while it is told to listen as away, and tells the next one anew', async () => {
    const { state, open } = scriptedListener();
    let broken = true;
    const hub = createListenHub({
      open: async (events) => {
        const connection = await open(events);
        return { ...connection, listen: async (channel) => (broken ? Promise.reject(new Error('cut')) : connection.listen(channel)) };
      },
    });
    const client = createListenClient(hub, noQueries, 'mine');
    await expect(client.query('LISTEN jobs')).rejects.toBeInstanceOf(UnavailableError);
    broken = false;
    await client.query('LISTEN jobs');
    expect(state.channels).toEqual(['jobs']);
  });

  it('gives up in the end, and at once when it is closed', async () => {
    const { open } = scriptedListener(Number.POSITIVE_INFINITY);
    await expect(createListenClient(createListenHub({ open, giveUpMs: 0 }), noQueries, 'mine').query('LISTEN jobs')).rejects.toBeInstanceOf(
      UnavailableError,
    );
    const hub = createListenHub({ open });
    const waiting = expect(createListenClient(hub, noQueries, 'mine').query('LISTEN jobs')).rejects.toBeInstanceOf(UnavailableError);
    await hub.close();
    await waiting;
  });

  it('runs other statements elsewhere and lets the naming of a session pass', async () => {
    const seen: string[] = [];
    const queries = {
      query: async (text: string) => {
        seen.push(text);
        return { rows: [] };
      },
    };
    const client = createListenClient(createListenHub({ open: scriptedListener().open }), queries, 'mine');
    await client.query(`SELECT set_config('application_name', $1, false)`, ['x']);
    await client.query('select 1');
    expect(seen).toEqual(['select 1']);
  });
});

describe('the check of a transaction pooler', () => {
  it('is told by notifications that never arrive', async () => {
    const { open } = scriptedListener();
    const queries = { query: async () => ({ rows: [] }) };
    expect(await checkPool(queries, createListenHub({ open }), { poolSize: 10, established: 1 })).toEqual([
      { level: 'error', message: expect.stringMatching(/LISTEN\/NOTIFY.*port 6543.*session-mode/) },
    ]);
  });
});
