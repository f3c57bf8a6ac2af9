/**
 * Colours that stay apart for people with any of the three kinds of colour blindness: chosen so that the least distance (OKLab, under the
 * simulations of Machado, Oliveira and Fernandes, 2009) between any two of the first 12, white and the outliers' grey is as large as can be;
 * the second 12 keep the greatest distance from all before. What cannot differ in hue alone differs in lightness.
 */
const COLOURS = [
  '#4489ae',
  '#ab4400',
  '#93ca73',
  '#3c319f',
  '#b18e15',
  '#e790fa',
  '#772151',
  '#2bb3b9',
  '#cf5971',
  '#937cf1',
  '#7056c9',
  '#7d507f',
  '#940500',
  '#da8375',
  '#2b7440',
  '#c1ac15',
  '#5f3979',
  '#79813f',
  '#584fa3',
  '#af578c',
  '#b188df',
  '#37d59f',
  '#804156',
  '#7275cc',
] as const;

export const OUTLIER_COLOUR = '#d0d0d0';
export const TEXT_COLOUR = '#222222';
export const QUIET_TEXT_COLOUR = '#5c5c5c';

/** How far the colours of themes 25 to 48, 49 to 72, … are moved towards black (below 0) or white. */
const SHADES = [0, -0.35, 0.35, -0.55, 0.5];
/** WCAG 2, for normal text. */
const READABLE_CONTRAST = 4.5;

/** The colour of the nth theme's points, `#rrggbb`. Beyond the palette colours come back darker or lighter. */
export function themeColour(index: number): string {
  const colour = COLOURS[index % COLOURS.length] ?? COLOURS[0];
  return moved(colour, SHADES[Math.floor(index / COLOURS.length) % SHADES.length] ?? 0);
}

/** The theme's colour, darkened until text in it is readable on white. */
export function textColour(index: number): string {
  const colour = themeColour(index);
  for (let darker = 0; darker > -1; darker -= 0.05) {
    const tried = moved(colour, darker);
    if (contrastWithWhite(tried) >= READABLE_CONTRAST) return tried;
  }
  return TEXT_COLOUR;
}

export function contrastWithWhite(colour: string): number {
  const [red = 0, green = 0, blue = 0] = channels(colour).map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05);
}

/** -1 = black, 0 = as it is, 1 = white. */
function moved(colour: string, by: number): string {
  const shifted = channels(colour).map((value) => (by < 0 ? value * (1 + by) : value + (1 - value) * by));
  return `#${shifted
    .map((value) =>
      Math.round(value * 255)
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`;
}

function channels(colour: string): number[] {
  return [1, 3, 5].map((start) => Number.parseInt(colour.slice(start, start + 2), 16) / 255);
}
