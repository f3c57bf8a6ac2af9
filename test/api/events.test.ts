import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEventTokens, TOKEN_LIFETIME_MS } from '../../api/events-token.ts';
import { PermanentError } from '../../lib/errors.ts';
import type { JobContext } from '../../lib/queue/processor.ts';
import type { JobEvent } from '../../lib/queue/types.ts';
import { createFakeClock } from '../support/clock.ts';
import { gate } from '../support/queue-world.ts';
import { type Api, createStory, eventually, KEY, QUEUE, startApi, storyResultOf } from './world.ts';

interface Received {
  id?: string;
  event: string;
  // biome-ignore lint/suspicious/noExplicitAny: bodies of any shape are looked into.
  data: any;
}

/** Reads a stream as a browser does. `next` resolves to the next event, undefined at the end; comments are counted. */
async function listen(url: string, path: string, headers: Record<string, string> = { authorization: `Bearer ${KEY}` }) {
  const controller = new AbortController();
  const reply = await fetch(`${url}${path}`, { headers, signal: controller.signal });
  const reader = reply.body?.pipeThrough(new TextDecoderStream()).getReader();
  let pending = '';
  const seen = { comments: 0 };
  async function next(): Promise<Received | undefined> {
    for (;;) {
      const end = pending.indexOf('\n\n');
      if (end >= 0) {
        const block = pending.slice(0, end);
        pending = pending.slice(end + 2);
        if (!block.startsWith(':')) return parse(block);
        seen.comments += 1;
        continue;
      }
      const read = await reader?.read();
      if (!read || read.done) return undefined;
      pending += read.value;
    }
  }
  const rest = async () => {
    const events: Received[] = [];
    for (let event = await next(); event; event = await next()) events.push(event);
    return events;
  };
  return { reply, next, rest, seen, close: () => controller.abort() };
}

function parse(block: string): Received {
  const fields = new Map(block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]));
  const id = fields.get('id');
  return { event: fields.get('event') ?? '', data: JSON.parse(fields.get('data') ?? 'null'), ...(id ? { id } : {}) };
}

const eventsOf = ({ runJobId }: { runJobId: string }) => `/api/queue/${QUEUE}/jobs/${runJobId}/events`;

describe('the events of a job', () => {
  let api: Api;
  let opened: ReturnType<typeof gate<void>>;
  beforeAll(async () => {
    api = await startApi({ options: { events: { heartbeatMs: 20, maxPerCaller: 2 } } });
    await api.work(async ({ storyId }: { storyId: string }, context: JobContext) => {
      if (context.meta.correlationId === 'wait') await opened.opened;
      if (context.meta.correlationId === 'fail') throw new PermanentError('beyond help');
      context.progress({ progress: 1, total: 2, current_step: 'asking' });
      return storyResultOf(storyId);
    });
  });
  afterAll(() => api.stop());

  const start = async (correlationId: string) => {
    opened = gate();
    return createStory(api, { headers: { 'x-correlation-id': correlationId } });
  };

  it('begin with its state, tell its progress, end with its result, and close', async () => {
    const story = await start('wait');
    const stream = await listen(api.url, eventsOf(story));
    expect([stream.reply.status, stream.reply.headers.get('content-type'), stream.reply.headers.get('x-accel-buffering')]).toEqual([
      200,
      'text/event-stream; charset=utf-8',
      'no',
    ]);
    expect(await stream.next()).toMatchObject({ event: 'state', data: { id: story.runJobId, payload: { storyId: story.id } } });
    opened.open();
    const events = (await stream.rest()).filter(({ event }) => event !== 'active');
    expect(events).toEqual([
      { event: 'progress', data: { progress: 1, total: 2, current_step: 'asking' } },
      { event: 'completed', id: 'end', data: { type: 'completed', queue: QUEUE, jobId: story.runJobId, result: storyResultOf(story.id) } },
    ]);
  });

  it('of one that has ended are its state and its end', async () => {
    const story = await start('go');
    await api.queue.waitForJob(QUEUE, story.runJobId, { timeoutMs: 10_000 });
    const events = await (await listen(api.url, eventsOf(story))).rest();
    expect(events.map(({ event }) => event)).toEqual(['state', 'completed']);
  });

  it('of one that failed say why', async () => {
    const story = await start('fail');
    const events = await (await listen(api.url, eventsOf(story))).rest();
    expect(events.at(-1)).toMatchObject({ event: 'failed', data: { error: 'beyond help' } });
  });

  it('of one that was cancelled say so', async () => {
    const job = await api.queue.enqueue({ queue: QUEUE, name: 'enhance', payload: { storyId: crypto.randomUUID() }, options: { delay: 3_600_000 } });
    const stream = await listen(api.url, `/api/queue/${QUEUE}/jobs/${job.jobId}/events`);
    expect(await stream.next()).toMatchObject({ event: 'state', data: { state: 'delayed' } });
    await api.queue.cancelJob(QUEUE, job.jobId, 'not needed');
    expect(await stream.rest()).toMatchObject([{ event: 'cancelled', data: { error: 'not needed' } }]);
  });

  it('are found by the name that the story’s answer gave', async () => {
    const story = await start('go');
    const events = await (await listen(api.url, `/api/queue/${QUEUE}/jobs/${story.jobId}/events`)).rest();
    expect(events[0]).toMatchObject({ event: 'state', data: { id: story.runJobId } });
  });

  it('keep a silent stream alive with comments', async () => {
    const story = await start('wait');
    const stream = await listen(api.url, eventsOf(story));
    await stream.next();
    const rest = stream.rest();
    await eventually(() => expect(stream.seen.comments).toBeGreaterThan(1));
    opened.open();
    await rest;
  });

  it('are not sent again to a browser that reconnects after the end', async () => {
    const story = await start('go');
    const reply = await fetch(`${api.url}${eventsOf(story)}`, { headers: { authorization: `Bearer ${KEY}`, 'last-event-id': 'end' } });
    expect(reply.status).toBe(204);
  });

  it('are limited to so many streams per caller, and a closed one makes room', async () => {
    const story = await start('wait');
    const streams = [await listen(api.url, eventsOf(story)), await listen(api.url, eventsOf(story))];
    const refused = await fetch(`${api.url}${eventsOf(story)}`, { headers: { authorization: `Bearer ${KEY}` } });
    expect([refused.status, await refused.json()]).toMatchObject([429, { error: { code: 'too_many_streams' } }]);
    for (const stream of streams) stream.close();
    await eventually(async () => {
      const again = await listen(api.url, eventsOf(story));
      again.close();
      expect(again.reply.status).toBe(200);
    });
    opened.open();
  });

  it('404 for a job that does not exist, and for HEAD nothing is opened', async () => {
    expect((await api.call('GET', `/api/queue/${QUEUE}/jobs/nothing/events`)).status).toBe(404);
    expect((await api.call('HEAD', `/api/queue/${QUEUE}/jobs/nothing/events`)).status).toBe(405);
  });
});

describe('an event that gets lost', () => {
  it('does not leave the stream open for ever: the job is looked at again', async () => {
    const world = await startApi();
    const api = await startApi({
      options: { events: { recheckMs: 20 } },
      deps: { queue: { ...world.queue, onJobEvent: () => () => {} }, relay: world.relay },
    });
    const { runJobId } = await createStory(api);
    const stream = await listen(api.url, eventsOf({ runJobId }));
    expect(await stream.next()).toMatchObject({ event: 'state', data: { state: 'waiting' } });
    await world.queue.cancelJob(QUEUE, runJobId);
    expect(await stream.rest()).toMatchObject([{ event: 'cancelled' }]);
    await api.stop();
    await world.stop();
  });
});

describe('listening', () => {
  it('ends with the connection: no listener is left behind', async () => {
    const listeners = new Set<(event: JobEvent) => void>();
    const world = await startApi();
    const onJobEvent = (_: string, listener: (event: JobEvent) => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    };
    const api = await startApi({ deps: { queue: { ...world.queue, onJobEvent }, relay: world.relay } });
    const stream = await listen(api.url, eventsOf(await createStory(api)));
    await stream.next();
    const all = await listen(api.url, `/api/queue/${QUEUE}/events`);
    await all.next();
    expect(listeners.size).toBe(2);
    stream.close();
    all.close();
    await eventually(() => expect(listeners.size).toBe(0));
    await api.stop();
    await world.stop();
  });

  it('to a whole queue tells of all its jobs', async () => {
    const api = await startApi();
    const stream = await listen(api.url, `/api/queue/${QUEUE}/events`);
    expect(await stream.next()).toEqual({ event: 'open', data: { queue: QUEUE } });
    let heard: Received | undefined;
    const first = stream.next().then((event) => {
      heard = event;
    });
    // The subscription is made with the first listener and hears only what happens from then on.
    await eventually(async () => {
      await createStory(api);
      expect(heard).toMatchObject({
        event: 'waiting',
        data: { type: 'waiting', queue: QUEUE, jobId: expect.stringContaining('story-enhancement-') },
      });
    });
    await first;
    stream.close();
    await api.stop();
  });

  it('does not keep the server from closing', async () => {
    const api = await startApi();
    const stream = await listen(api.url, `/api/queue/${QUEUE}/events`);
    await stream.next();
    await api.stop();
    expect(await stream.next()).toBeUndefined();
  });
});

describe('tokens for event streams', () => {
  it('open the stream of their job, for as long as they last, in every process with the same keys', async () => {
    const clock = createFakeClock(Date.now());
    const api = await startApi({ clock });
    const { runJobId } = await createStory(api);
    const other = await createStory(api);
    const { status, body } = await api.call('POST', `/api/queue/${QUEUE}/jobs/${runJobId}/events-token`);
    expect(status).toBe(201);
    expect(Date.parse(body.data.expiresAt)).toBe(clock.now() + TOKEN_LIFETIME_MS);
    const open = (path: string, token: string) => listen(api.url, `${path}?token=${token}`, {});

    const stream = await open(eventsOf({ runJobId }), body.data.token);
    expect(await stream.next()).toMatchObject({ event: 'state', data: { id: runJobId } });
    stream.close();
    const [payload, signature] = body.data.token.split('.');
    const forged = `${Buffer.from(JSON.stringify({ q: QUEUE, j: other.runJobId, o: 'x', e: Number.MAX_SAFE_INTEGER })).toString('base64url')}.${signature}`;
    expect((await open(eventsOf(other), body.data.token)).reply.status).toBe(403);
    expect((await open(eventsOf(other), forged)).reply.status).toBe(401);
    expect((await open(eventsOf({ runJobId }), `${payload}.`)).reply.status).toBe(401);
    expect((await api.call('GET', `/api/queue/${QUEUE}/jobs/${runJobId}?token=${body.data.token}`, { key: null })).status).toBe(401);

    const elsewhere = createEventTokens({ apiKeys: ['another key', KEY], clock });
    expect(elsewhere.read(body.data.token)).toMatchObject({ kind: 'stream', jobId: runJobId });
    expect(createEventTokens({ apiKeys: ['another key'], clock }).read(body.data.token)).toBeUndefined();
    clock.advance(TOKEN_LIFETIME_MS);
    expect((await open(eventsOf({ runJobId }), body.data.token)).reply.status).toBe(401);
    await api.stop();
  });

  it('are for those who may see the job', async () => {
    const api = await startApi();
    const [alice, bob] = [await api.db.signUp(), await api.db.signUp()];
    const { runJobId } = await createStory(api, { jwt: alice.jwt });
    const path = `/api/queue/${QUEUE}/jobs/${runJobId}/events-token`;
    expect((await api.call('POST', path, { jwt: bob.jwt })).status).toBe(404);
    const { token } = (await api.call('POST', path, { jwt: alice.jwt })).body.data;
    const stream = await listen(api.url, `${eventsOf({ runJobId })}?token=${token}`, {});
    expect(await stream.next()).toMatchObject({ event: 'state' });
    stream.close();
    await api.stop();
  });
});
