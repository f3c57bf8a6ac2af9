import type { ScatterSeriesOption } from 'echarts';
import { init } from 'echarts/dist/echarts.esm.min.mjs';
import { type Dots, dotsOf } from './dots.ts';
import { type Frame, frameOf, projectionOf } from './frame.ts';
import { type Label, placeLabels } from './labels.ts';
import { legendOf, legendRows } from './legend.ts';
import { countOf, percentOf } from './numbers.ts';
import { OUTLIER_COLOUR, themeColour } from './palette.ts';
import type { MapPicture } from './picture.ts';
import { type Drawn, footTexts, labelTexts, legendTexts, titleTexts } from './texts.ts';
import { cleanText } from './words.ts';

/** Above it the points of a theme are one path, without an edge each: a fifth of the size and of the time. */
const MOST_SINGLE_DOTS = 2_000;

/** An SVG without scripts or references to anything outside. The same picture gives the same text. */
export async function renderSvg(picture: MapPicture): Promise<string> {
  const frame = frameOf(picture);
  const project = projectionOf(picture.points, frame.plot);
  const dots = dotsOf(picture, project, frame.plot);
  const anchors = picture.themes.map(({ name, x, y }) => ({ name, x: project.x(x), y: project.y(y) }));
  const labels = placeLabels(anchors, { area: frame.plot, points: dots, numbers: frame.legend !== null });
  const outliers = outliersOf(picture.points, dots);
  const drawn = [
    ...titleTexts(frame, figuresOf(picture, frame, dots, outliers)),
    ...labelTexts(labels),
    ...legendDrawn(picture, frame, labels, outliers),
    ...footTexts(frame, notesOn(picture, frame, dots, labels)),
  ];
  return withTitle(tidy(draw(frame, seriesOf(dots, picture.themes.length), drawn)), picture.title);
}

function draw({ width, height }: Frame, series: ScatterSeriesOption[], elements: Drawn[]): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    // Points come in pixels: labels are placed by the same numbers.
    chart.setOption({
      animation: false,
      backgroundColor: '#ffffff',
      grid: { left: 0, top: 0, width, height },
      xAxis: { type: 'value', show: false, min: 0, max: width },
      yAxis: { type: 'value', show: false, min: 0, max: height, inverse: true },
      series,
      graphic: { elements },
    });
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

/** The outliers lie below all themes, small themes above large ones. */
function seriesOf({ x, y, theme }: Dots, themes: number): ScatterSeriesOption[] {
  const single = x.length <= MOST_SINGLE_DOTS;
  const size = dotSize(x.length);
  return Array.from({ length: themes + 1 }, (_, index) => index - 1).map((wanted) => {
    const outlier = wanted < 0;
    const edge = single ? { borderColor: '#ffffff', borderWidth: outlier ? 0 : Math.min(1, size / 8) } : {};
    return {
      type: 'scatter',
      dimensions: ['x', 'y'],
      data: pairs(x, y, theme, wanted),
      symbolSize: outlier ? size * 0.7 : size,
      large: !single,
      largeThreshold: 0,
      clip: false,
      emphasis: { disabled: true },
      itemStyle: { color: outlier ? OUTLIER_COLOUR : themeColour(wanted), opacity: single ? 0.9 : 0.75, ...edge },
    };
  });
}

function pairs(x: Float32Array, y: Float32Array, theme: Int32Array, wanted: number): Float32Array {
  const found: number[] = [];
  for (const [index, pointX] of x.entries()) if (theme[index] === wanted) found.push(pointX, y[index] ?? 0);
  return Float32Array.from(found);
}

/** Pixels across: 14 for a few, 4 for thousands. */
function dotSize(count: number): number {
  return Math.min(14, Math.max(4, 150 / Math.sqrt(Math.max(1, count))));
}

function legendDrawn({ themes }: MapPicture, { legend: area, legendColumns }: Frame, labels: readonly Label[], outliers: Part): Drawn[] {
  if (!area) return [];
  const numbered = labels.some((label) => label.numbered) || labels.length < themes.length;
  return legendTexts(legendOf(legendRows(themes, outliers, numbered), area, legendColumns), area.top);
}

interface Part {
  size: number;
  /** Of all points. */
  share: number;
}

function outliersOf({ theme }: MapPicture['points'], { of }: Dots): Part {
  const size = theme.reduce((sum, found) => sum + (found < 0 ? 1 : 0), 0);
  return { size, share: of === 0 ? 0 : size / of };
}

function figuresOf({ themes }: MapPicture, { legend }: Frame, { of }: Dots, outliers: Part): string {
  if (of === 0) return 'No answers to show.';
  const answers = `${countOf(of)} ${of === 1 ? 'answer' : 'answers'}`;
  if (themes.length === 0) return `${answers}, no themes`;
  const inThemes = `${answers} in ${themes.length} ${themes.length === 1 ? 'theme' : 'themes'}`;
  return legend || outliers.size === 0 ? inThemes : `${inThemes}; ${countOf(outliers.size)} (${percentOf(outliers.share)}) in none, in grey`;
}

function notesOn({ themes }: MapPicture, { legend }: Frame, { x, of, atEdge }: Dots, labels: readonly Label[]): string {
  if (of === 0) return '';
  const notes = ['Each point is an answer; near points say similar things. The axes have no unit.'];
  if (x.length < of) notes.push(`Drawn: ${countOf(x.length)} of ${countOf(of)} points${themes.length > 0 ? ', of each theme the same part' : ''}.`);
  if (atEdge > 0) notes.push(`Drawn at the edge: ${countOf(atEdge)} in no theme that ${atEdge === 1 ? 'lies' : 'lie'} farther out.`);
  const unnamed = legend ? 0 : themes.length - labels.length;
  if (unnamed > 0) notes.push(`There is no room for the names of ${unnamed} ${unnamed === 1 ? 'theme' : 'themes'}.`);
  return notes.join(' ');
}

/**
 * Takes out what only the plotting library in a browser would use: numbers that differ from one picture to the next, and effects of the mouse.
 * Fonts become attributes, for not all readers of SVG know CSS's short form.
 */
function tidy(svg: string): string {
  return svg
    .replace(/ style="font: ?(bold )?(\d+(?:\.\d+)?px) ([^"]*)"/g, (_, bold: string | undefined, size: string, family: string) => {
      return ` font-family="${family}" font-size="${size}"${bold ? ' font-weight="bold"' : ''}`;
    })
    .replace(/ ecmeta_\w+="[^"]*"/g, '')
    .replace(/ class="zr\d+-cls-\d+"/g, '')
    .replace(/<style ><!\[CDATA\[[^\]]*\]\]>\s*<\/style>\s*/g, '');
}

/** What a screen reader, and a browser's tooltip, says. */
function withTitle(svg: string, title: string): string {
  const escaped = cleanText(title).replace(/[&<>"]/g, (character) => `&#${character.codePointAt(0)};`);
  return svg.replace(/^<svg ([^>]*)>/, (_, attributes: string) => `<svg role="img" ${attributes}>\n<title>${escaped}</title>`);
}
