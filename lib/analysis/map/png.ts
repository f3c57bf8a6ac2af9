import { fileURLToPath } from 'node:url';
import { Resvg } from '@resvg/resvg-js';
import type { MapPicture, PngOptions } from './picture.ts';
import { renderSvg } from './svg.ts';

/** They hold Latin, Greek, Cyrillic, Arabic, Hebrew and more. */
const FONT_FILES = [
  import.meta.resolve('dejavu-fonts-ttf/ttf/DejaVuSansCondensed.ttf'),
  import.meta.resolve('dejavu-fonts-ttf/ttf/DejaVuSansCondensed-Bold.ttf'),
].map((url) => fileURLToPath(url));
/** What they do not: the fonts of the system are looked through only for these, since that takes its time. */
const OTHER_SCRIPTS =
  /[^\p{sc=Common}\p{sc=Inherited}\p{sc=Latin}\p{sc=Greek}\p{sc=Cyrillic}\p{sc=Arabic}\p{sc=Hebrew}\p{sc=Armenian}\p{sc=Georgian}]|\p{Extended_Pictographic}/u;

const LEAST_WIDTH = 200;
/** 16 : 10 of it are 40 MB of pixels while it is drawn. */
const MOST_WIDTH = 4_000;
/** For sharp slides. */
const SCALE = 2;

/** The bytes of a PNG, on white. The same picture gives the same bytes on machines with the same fonts. */
export async function renderPng(picture: MapPicture, options: PngOptions = {}): Promise<Uint8Array> {
  const svg = await renderSvg(picture);
  const [, svgWidth = '1280'] = /^<svg [^>]*?width="(\d+)"/.exec(svg) ?? [];
  const width = Math.round(Math.min(MOST_WIDTH, Math.max(LEAST_WIDTH, options.width ?? SCALE * Number(svgWidth))));
  const font = { fontFiles: FONT_FILES, loadSystemFonts: OTHER_SCRIPTS.test(svg), defaultFontFamily: 'DejaVu Sans', sansSerifFamily: 'DejaVu Sans' };
  // The font files call themselves DejaVu Sans, condensed; a system's own DejaVu Sans is wider than the labels' boxes.
  const condensed = svg.replace(/^<svg /, '<svg font-stretch="condensed" ');
  return new Resvg(condensed, { font, fitTo: { mode: 'width', value: width }, logLevel: 'off' }).render().asPng();
}
