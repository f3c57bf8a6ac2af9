import { Resvg } from '@resvg/resvg-js';
import { describe, expect, it } from 'vitest';
import { themeColour } from '../../../lib/analysis/map/palette.ts';
import type { MapPicture } from '../../../lib/analysis/map/picture.ts';
import { renderSvg } from '../../../lib/analysis/map/svg.ts';
import { heaps, numberedNames } from './pictures.ts';

/** Reads it with a strict XML parser: throws where it is not well-formed. */
const parse = (svg: string): Resvg => new Resvg(svg, { font: { loadSystemFonts: false } });

const ENTITIES: Readonly<Record<string, string>> = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&amp;': '&' };

function textsOf(svg: string): string[] {
  return [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, text = '']) =>
    text.replace(/&(?:lt|gt|quot|#39|amp);/g, (entity) => ENTITIES[entity] ?? ''),
  );
}

const wordsOf = (svg: string): string => textsOf(svg).join(' ');

/** Points of one path each: those of the theme's colour that are no dot of the legend. */
const dotsOf = (svg: string, colour: string): number =>
  [...svg.matchAll(new RegExp(`<path d="M1 0[^"]*" transform="[^"]*" fill="${colour}"`, 'g'))].length;

const only = (name: string, at: { x: number; y: number }[]): MapPicture => ({
  title: 'Only one',
  points: { x: Float32Array.from(at, ({ x }) => x), y: Float32Array.from(at, ({ y }) => y), theme: new Int32Array(at.length) },
  themes: [{ name, size: at.length, share: 1, ...(at[0] ?? { x: 0, y: 0 }) }],
});

describe('the map as SVG', () => {
  it('is well-formed, has the size asked for, and refers to nothing outside', async () => {
    const svg = await renderSvg({ ...heaps(300, numberedNames(7)), width: 1000, height: 700 });
    expect([parse(svg).width, parse(svg).height]).toEqual([1000, 700]);
    expect(svg.match(/https?:[^"]*/g)).toEqual(['http://www.w3.org/2000/svg', 'http://www.w3.org/1999/xlink']);
    expect(svg).not.toMatch(/<(?:script|style|image|foreignObject|a|use)\b|href=|url\(|\son\w+=/);
  });

  it('names each theme on the map and in the legend, with size and share', async () => {
    const picture = heaps(300, ['Buses', 'Housing', 'Schools', 'Parks']);
    const svg = await renderSvg(picture);
    const texts = textsOf(svg);
    for (const { name, size } of picture.themes) {
      expect(texts.filter((text) => text === name)).toHaveLength(2);
      expect(texts).toContain(`${size}`);
    }
    expect(texts).toEqual(expect.arrayContaining(['What should our town look like?', '300 answers in 4 themes', 'In no theme', '15', '5.0%']));
    expect(svg).toContain('<title>What should our town look like?</title>');
  });

  it('draws each point once, in the colour of its theme', async () => {
    const picture = heaps(300, numberedNames(5));
    const svg = await renderSvg(picture);
    expect(picture.themes.map((_, index) => dotsOf(svg, themeColour(index)))).toEqual(picture.themes.map(({ size }) => size));
  });

  it('is the same text each time', async () => {
    const picture = heaps(500, numberedNames(12));
    const [one, other] = [await renderSvg(picture), await renderSvg(picture)];
    expect(other).toBe(one);
  });

  it.each([
    ['markup', '<script>alert("1 & 2")</script>', '<script>alert("1 & 2")</script>'],
    ['a template of the plotting library', '{a|b} {c} @x', '{a|b} {c} @x'],
    ['an attribute', '" onload="alert(1)', '" onload="alert(1)'],
    ['an emoji', '🚲 Bikes', '🚲 Bikes'],
    ['Arabic', 'النقل العام', 'النقل العام'],
    ['Japanese', '駐車場', '駐車場'],
    ['control characters', 'a\u{0}\u{1b}b\u{202e}c', 'a b c'],
    ['200 characters', 'Very long '.repeat(20), 'Very long Very long…'],
  ])('takes %s as a name for what it is', async (_, name, shown) => {
    const svg = await renderSvg(
      only(name, [
        { x: 0, y: 0 },
        { x: 1, y: 1 },
      ]),
    );
    expect(parse(svg).width).toBe(1280);
    expect(wordsOf(svg).replace(/\s+/g, ' ')).toContain(shown.slice(0, 20));
    expect(svg).not.toMatch(/<script|<[^>]*\sonload=/);
  });

  it('escapes the title too', async () => {
    const svg = await renderSvg({ ...heaps(20, ['Buses']), title: '</title><script>alert(1)</script> & "more"' });
    expect(parse(svg).width).toBe(1280);
    expect(svg).not.toContain('<script');
  });

  it.each<[string, MapPicture, string]>([
    ['nothing', heaps(0, []), 'No answers to show.'],
    ['no themes', { ...heaps(50, []), themes: [] }, '50 answers, no themes'],
    [
      'one theme',
      only('Buses', [
        { x: 0, y: 0 },
        { x: 1, y: 2 },
      ]),
      '2 answers in 1 theme',
    ],
    ['one answer', only('Buses', [{ x: 5, y: 5 }]), '1 answer in 1 theme'],
    [
      'the same place for all',
      only(
        'Buses',
        Array.from({ length: 40 }, () => ({ x: 3, y: -2 })),
      ),
      '40 answers in 1 theme',
    ],
    [
      'a line',
      only(
        'Buses',
        Array.from({ length: 40 }, (_, x) => ({ x, y: 1 })),
      ),
      '40 answers in 1 theme',
    ],
    [
      'a point that is nowhere',
      only('Buses', [
        { x: Number.NaN, y: 1 },
        { x: 1, y: 1 },
      ]),
      '1 answer in 1 theme',
    ],
  ])('shows %s', async (_, picture, figures) => {
    const svg = await renderSvg(picture);
    expect(textsOf(svg)).toContain(figures);
    expect(parse(svg).render().width).toBe(1280);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('puts the same place for all into the middle of the plot', async () => {
    const svg = await renderSvg(
      only('Buses', [
        { x: 9, y: 9 },
        { x: 9, y: 9 },
      ]),
    );
    const [, x, y] = /transform="matrix\([^)]*,([\d.]+),([\d.]+)\)" fill="#4489ae"/.exec(svg) ?? [];
    expect([Number(x), Number(y)]).toEqual([459, 425]);
  });

  it('keeps one far outlier from taking the room of all themes', async () => {
    const picture = heaps(200, ['Buses', 'Housing']);
    picture.points.x[0] = 10_000;
    const svg = await renderSvg(picture);
    expect(wordsOf(svg)).toContain('Drawn at the edge: 1 in no theme that lies farther out.');
    const places = [...svg.matchAll(/<path d="M1 0[^"]*" transform="matrix\([^)]*,([\d.]+),[\d.]+\)" fill="#(?:4489ae|ab4400)"/g)].map(([, x]) =>
      Number(x),
    );
    expect(Math.max(...places) - Math.min(...places)).toBeGreaterThan(400);
  });

  it('thins 50,000 points, the same part of each theme, and says so', async () => {
    const svg = await renderSvg(heaps(50_000, numberedNames(12)));
    const [, drawn = ''] = /Drawn: ([\d,]+) of 50,000 points, of each theme the same part\./.exec(wordsOf(svg)) ?? [];
    expect(Number(drawn.replace(',', ''))).toBeGreaterThan(9_950);
    expect(Number(drawn.replace(',', ''))).toBeLessThanOrEqual(10_000);
    expect(svg.length).toBeLessThan(700_000);
  });

  it('makes room for a legend of a hundred themes', async () => {
    const names = numberedNames(100);
    const words = wordsOf(await renderSvg(heaps(2_000, names)));
    for (const [index, name] of names.entries()) expect(words).toContain(`${index + 1}. ${name}`);
  });

  it('says how many themes a small picture has no room for', async () => {
    expect(wordsOf(await renderSvg({ ...heaps(2_000, numberedNames(100)), width: 1280, height: 600 }))).toMatch(/and \d+ more/);
    expect(wordsOf(await renderSvg({ ...heaps(2_000, numberedNames(100)), width: 500, height: 400 }))).toMatch(
      /There is no room for the names of \d+ themes\./,
    );
  });
});
