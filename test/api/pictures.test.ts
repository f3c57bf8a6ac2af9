import { expect, it } from 'vitest';
import { createPictures } from '../../api/pictures.ts';
import { createMapRenderer } from '../../lib/analysis/map/render.ts';

// Never asked to draw, so that it starts no thread.
const pictures = () => createPictures(createMapRenderer());

it('a picture is drawn once, however many ask for it, and kept until sixteen others were asked for', async () => {
  const { get } = pictures();
  let drawn = 0;
  const draw = async () => `picture ${++drawn}`;
  expect(await Promise.all([get('a', draw), get('a', draw), get('b', draw)])).toEqual(['picture 1', 'picture 1', 'picture 2']);
  for (let other = 0; other < 15; other += 1) await get(`other ${other}`, draw);
  expect([await get('b', draw), await get('a', draw)]).toEqual(['picture 2', 'picture 18']);
});

it('one that could not be drawn is drawn anew', async () => {
  const { get } = pictures();
  await expect(get('a', async () => Promise.reject(new Error('no thread')))).rejects.toThrow('no thread');
  expect(await get('a', async () => 'picture')).toBe('picture');
});
