import { describe, expect, it } from 'vitest';
import { contrastWithWhite, OUTLIER_COLOUR, QUIET_TEXT_COLOUR, TEXT_COLOUR, textColour, themeColour } from '../../../lib/analysis/map/palette.ts';

type Triple = readonly [number, number, number];

/** Machado, Oliveira and Fernandes, 2009, at full strength; on linear RGB. */
const SIGHTS: Record<string, readonly [Triple, Triple, Triple]> = {
  full: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

const times = (rows: readonly Triple[], [a, b, c]: Triple): Triple => {
  const [x = 0, y = 0, z = 0] = rows.map(([p, q, r]) => p * a + q * b + r * c);
  return [x, y, z];
};

function linear(colour: string): Triple {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((start) => Number.parseInt(colour.slice(start, start + 2), 16) / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return [red, green, blue];
}

/** A screen shows no less than black and no more than white. */
function shown([red, green, blue]: Triple): Triple {
  const bounded = (value: number): number => Math.min(1, Math.max(0, value));
  return [bounded(red), bounded(green), bounded(blue)];
}

/** Ottosson, 2020. */
function oklab(rgb: Triple): Triple {
  const lms = times(
    [
      [0.4122214708, 0.5363325363, 0.0514459929],
      [0.2119034982, 0.6806995451, 0.1073969566],
      [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    rgb,
  );
  const [l, m, s] = lms.map(Math.cbrt);
  return times(
    [
      [0.2104542553, 0.793617785, -0.0040720468],
      [1.9779984951, -2.428592205, 0.4505937099],
      [0.0259040371, 0.7827717662, -0.808675766],
    ],
    [l ?? 0, m ?? 0, s ?? 0],
  );
}

function leastDistance(colours: readonly string[], sight: readonly [Triple, Triple, Triple]): number {
  const seen = colours.map((colour) => oklab(shown(times(sight, linear(colour)))));
  const distances = seen.flatMap((one, index) =>
    seen.slice(index + 1).map((other) => Math.hypot(one[0] - other[0], one[1] - other[1], one[2] - other[2])),
  );
  return Math.min(...distances);
}

const first = (count: number): string[] => Array.from({ length: count }, (_, index) => themeColour(index));

describe('the colours of themes', () => {
  // About 0.02 is the least that people notice.
  it.each(Object.entries(SIGHTS))('the first 12, white and grey can be told apart with %s sight', (_, sight) => {
    expect(leastDistance([...first(12), '#ffffff', OUTLIER_COLOUR], sight)).toBeGreaterThan(0.09);
  });

  it.each(Object.entries(SIGHTS))('and 24 still with %s sight', (_, sight) => {
    expect(leastDistance([...first(24), '#ffffff', OUTLIER_COLOUR], sight)).toBeGreaterThan(0.05);
  });

  it('a hundred are all different', () => {
    expect(new Set(first(100)).size).toBe(100);
    for (const colour of first(100)) expect(colour).toMatch(/^#[0-9a-f]{6}$/);
  });

  it('text in them can be read on white', () => {
    const texts = [...first(100).map((_, index) => textColour(index)), TEXT_COLOUR, QUIET_TEXT_COLOUR];
    expect(texts.filter((colour) => contrastWithWhite(colour) < 4.5)).toEqual([]);
    expect(contrastWithWhite('#ffffff')).toBeCloseTo(1);
    expect(contrastWithWhite('#000000')).toBeCloseTo(21);
  });
});
