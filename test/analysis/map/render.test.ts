import { Resvg } from '@resvg/resvg-js';
import { afterAll, describe, expect, it } from 'vitest';
import type { MapPicture } from '../../../lib/analysis/map/picture.ts';
import { createMapRenderer } from '../../../lib/analysis/map/render.ts';
import { renderSvg } from '../../../lib/analysis/map/svg.ts';
import { heaps, numberedNames } from './pictures.ts';

const renderer = createMapRenderer();
afterAll(() => renderer.close());

const SIGNATURE = '89504e470d0a1a0a';

function sizeOf(png: Uint8Array): { width: number; height: number } {
  const header = Buffer.from(png.subarray(0, 24));
  expect(header.subarray(0, 8).toString('hex')).toBe(SIGNATURE);
  return { width: header.readUInt32BE(16), height: header.readUInt32BE(20) };
}

/** How many pixels of each colour, `rrggbb`, a PNG has. */
function coloursOf(png: Uint8Array): Map<string, number> {
  const { width, height } = sizeOf(png);
  const href = `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
  const sheet = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><image href="${href}" width="${width}" height="${height}"/></svg>`;
  const { pixels } = new Resvg(sheet, { font: { loadSystemFonts: false } }).render();
  const found = new Map<string, number>();
  for (let at = 0; at < pixels.length; at += 4) {
    const colour = pixels.toString('hex', at, at + 3);
    found.set(colour, (found.get(colour) ?? 0) + 1);
  }
  return found;
}

describe('the renderer', () => {
  it('draws in its thread what would be drawn here', async () => {
    const picture = heaps(200, ['Buses', 'Housing', 'Schools']);
    expect(await renderer.svg(picture)).toBe(await renderSvg(picture));
  });

  it('makes a PNG of twice the size, on white, with points and words on it', async () => {
    const png = await renderer.png(heaps(200, ['Buses', 'Housing', 'Schools']));
    expect(sizeOf(png)).toEqual({ width: 2_560, height: 1_600 });
    const colours = coloursOf(png);
    const pixels = 2_560 * 1_600;
    expect((colours.get('ffffff') ?? 0) / pixels).toBeGreaterThan(0.9);
    // The title's words.
    expect(colours.get('222222') ?? 0).toBeGreaterThan(2_000);
    // Leaders and outliers aside, most of what is not white is a point: 0.9 of the theme's colour on white.
    expect(colours.size).toBeGreaterThan(100);
  });

  it.each([
    [640, 640, 400],
    [1, 200, 125],
    [100_000, 4_000, 2_500],
  ])('makes a PNG %d pixels wide, within bounds', async (asked, width, height) => {
    expect(sizeOf(await renderer.png(heaps(30, ['Buses']), { width: asked }))).toEqual({ width, height });
  });

  it('gives the same bytes for the same picture, in a thread started anew too', async () => {
    const picture = heaps(400, numberedNames(10));
    const png = await renderer.png(picture, { width: 800 });
    await renderer.close();
    expect(Buffer.from(await renderer.png(picture, { width: 800 })).equals(Buffer.from(png))).toBe(true);
  });

  it('sets names in the fonts that it brings, and those that it cannot set break nothing', async () => {
    const words = async (name: string): Promise<number> => {
      const { title, themes, ...picture } = heaps(3, [name]);
      const png = await renderer.png({ ...picture, title: name, themes }, { width: 1_280 });
      return coloursOf(png).get('222222') ?? 0;
    };
    for (const name of ['Жильё и аренда', 'Στέγαση', 'النقل العام', 'תחבורה']) expect(await words(name)).toBeGreaterThan(100);
    for (const name of ['駐車場', '🚲', 'ที่จอดรถ']) expect(await words(name)).toBeGreaterThanOrEqual(0);
  });

  it('keeps the event loop free while it draws 50,000 points', async () => {
    const drawing = renderer.png(heaps(50_000, numberedNames(12)));
    let turns = 0;
    let isDrawn = false;
    drawing.then(() => {
      isDrawn = true;
    });
    while (!isDrawn) {
      await new Promise(setImmediate);
      turns += 1;
    }
    expect(turns).toBeGreaterThan(100);
  });

  it('draws many at a time, and tells those who would wait too long', async () => {
    const picture = heaps(30, ['Buses']);
    const outcomes = await Promise.allSettled(Array.from({ length: 60 }, () => renderer.svg(picture)));
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(outcomes.length - refused.length).toBeGreaterThanOrEqual(32);
    expect(refused.length).toBeGreaterThan(0);
    for (const error of refused) expect(error).toMatchObject({ name: 'UnavailableError', code: 'map_not_drawn' });
  });

  it('says what is wrong with a picture that cannot be drawn, and draws the next', async () => {
    // What is no array cannot come from a typed caller; it stands for any failure in the thread.
    const broken = { title: 'Broken', points: {}, themes: [] } as unknown as MapPicture;
    await expect(renderer.svg(broken)).rejects.toMatchObject({ code: 'map_not_drawn' });
    expect(await renderer.svg(heaps(3, ['Buses']))).toContain('Buses');
  });

  it('ends twice, and before it has begun', async () => {
    const unused = createMapRenderer();
    await unused.close();
    await unused.close();
  });
});
