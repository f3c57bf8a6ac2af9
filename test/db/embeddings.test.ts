import { randomUUID } from 'node:crypto';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type World, worlds } from './worlds.ts';

/** Of unit length, another one for each seed. */
function vectorOf(seed: number, dimensions = 8): Float32Array {
  const vector = Float32Array.from({ length: dimensions }, (_, index) => Math.sin(seed * 31 + index * 7 + 1));
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

const bytesOf = (vector: Float32Array = new Float32Array()) => Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('hex');

describe.each(worlds)('embedding_cache on %s', (_, start) => {
  let world: World;
  let service: SupabaseClient;
  beforeAll(async () => {
    world = await start();
    service = createClient(world.url, world.serviceKey, { ...(world.fetch ? { global: { fetch: world.fetch } } : {}) });
  });
  afterAll(() => world.stop());

  const cache = () => world.db.embeddings;
  const rowsOf = (count: number, prefix: string = randomUUID()) =>
    Array.from({ length: count }, (_unused, index) => ({ hash: `${prefix}-${index}`, vector: vectorOf(index) }));
  const count = async (model: string) => (await service.from('embedding_cache').select('content_hash').eq('model', model)).data?.length;

  it('answers what was stored, bit for bit, and nothing for what was not', async () => {
    const model = randomUUID();
    const rows = rowsOf(3);
    await cache().store(model, rows);
    const found = await cache().find(model, [...rows.map(({ hash }) => hash), 'unknown']);
    expect(found.size).toBe(3);
    for (const { hash, vector } of rows) expect(bytesOf(found.get(hash))).toBe(bytesOf(vector));
    expect(
      (
        await cache().find(
          randomUUID(),
          rows.map(({ hash }) => hash),
        )
      ).size,
    ).toBe(0);
    expect((await cache().find(model, [])).size).toBe(0);
    await expect(cache().store(model, [])).resolves.toBeUndefined();
  });

  it('takes more than fit into one request, some of them twice, and views into larger arrays', async () => {
    const model = randomUUID();
    const shared = new Float32Array(new SharedArrayBuffer(1203 * 8 * 4));
    const rows = rowsOf(1203).map(({ hash, vector }, index) => {
      shared.set(vector, index * 8);
      return { hash, vector: shared.subarray(index * 8, index * 8 + 8) };
    });
    await cache().store(model, [...rows, ...rows.slice(0, 700)]);
    const hashes = rows.map(({ hash }) => hash);
    const found = await cache().find(model, [...hashes, ...hashes]);
    expect(found.size).toBe(1203);
    expect(rows.every(({ hash, vector }) => found.get(hash)?.every((value, index) => value === vector[index]))).toBe(true);
  });

  it('keeps what is there already', async () => {
    const model = randomUUID();
    await cache().store(model, [{ hash: 'a', vector: vectorOf(1) }]);
    await cache().store(model, [{ hash: 'a', vector: vectorOf(2) }]);
    expect(bytesOf((await cache().find(model, ['a'])).get('a'))).toBe(bytesOf(vectorOf(1)));
  });

  it('makes vectors of unit length, and stores none that point nowhere', async () => {
    const model = randomUUID();
    const nowhere = [[Number.NaN, 1], [0, 0], [Number.POSITIVE_INFINITY, 1], []].map((values, index) => ({
      hash: `${index}`,
      vector: new Float32Array(values),
    }));
    await cache().store(model, [{ hash: 'long', vector: new Float32Array([3, 4]) }, ...nowhere]);
    const found = await cache().find(model, ['long', ...nowhere.map(({ hash }) => hash)]);
    expect([...found]).toEqual([['long', new Float32Array([0.6, 0.8])]]);
    expect(await count(model)).toBe(1);
  });

  it('treats what is broken as absent, so that it is embedded anew and then stays', async () => {
    const model = randomUUID();
    const directly = (hash: string, vector: Float32Array) => {
      const embedding = Buffer.from(vector.buffer).toString('base64');
      return service.rpc('store_embeddings', { p_model: model, p_dimensions: 8, p_hashes: JSON.stringify([hash]), p_embeddings: embedding });
    };
    const broken = ['nan', 'zero', 'long', 'short', 'empty'];
    await directly('nan', vectorOf(1).with(3, Number.NaN));
    await directly('zero', new Float32Array(8));
    await directly('long', new Float32Array(8).fill(1));
    await directly('short', vectorOf(2));
    await service.from('embedding_cache').update({ dimensions: 9 }).eq('model', model).eq('content_hash', 'short');
    await service.from('embedding_cache').insert({ model, content_hash: 'empty' });
    expect(await count(model)).toBe(5);
    await cache().store(model, [{ hash: 'good', vector: vectorOf(5) }]);
    expect([...(await cache().find(model, ['good', ...broken])).keys()]).toEqual(['good']);
    await cache().store(
      model,
      broken.map((hash, index) => ({ hash, vector: vectorOf(index) })),
    );
    expect((await cache().find(model, broken)).size).toBe(5);
  });

  it('never mixes lengths: those of another length are absent, and make room for new ones', async () => {
    const model = randomUUID();
    await cache().store(model, [{ hash: 'old', vector: vectorOf(1, 4) }, ...rowsOf(3, 'new')]);
    const asked = ['old', 'new-0', 'new-1', 'new-2'];
    expect([...(await cache().find(model, asked)).keys()].sort()).toEqual(['new-0', 'new-1', 'new-2']);
    await cache().store(model, [{ hash: 'old', vector: vectorOf(1, 8) }]);
    expect((await cache().find(model, asked)).size).toBe(4);
  });

  it('takes the same rows from many at once, in any order', async () => {
    const model = randomUUID();
    const rows = rowsOf(400);
    await Promise.all(Array.from({ length: 8 }, (_unused, caller) => cache().store(model, caller % 2 === 0 ? rows : rows.toReversed())));
    expect(await count(model)).toBe(400);
  });
});
