import { describe, expect, it } from 'vitest';
import { contains, crosses, linesCross, overlaps } from '../../../lib/analysis/map/boxes.ts';
import type { Box } from '../../../lib/analysis/map/frame.ts';
import { type Anchor, LABEL_GAP, type Label, type PlaceOptions, placeLabels } from '../../../lib/analysis/map/labels.ts';
import { createRandom } from './pictures.ts';

const area = { left: 32, top: 90, right: 860, bottom: 750 };

const noPoints = { x: new Float32Array(), y: new Float32Array(), theme: new Int32Array() };

function anchorsAt(random: () => number, count: number, { left, top, right, bottom }: Box = area): Anchor[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `Theme of the topic ${index + 1}`,
    x: left + random() * (right - left),
    y: top + random() * (bottom - top),
  }));
}

/** Most points are of the first theme, so that labels of the others have to go far. */
function crowdAt(random: () => number, anchors: readonly Anchor[]): PlaceOptions['points'] {
  const spots = Array.from({ length: 3_000 }, () => ({
    near: Math.floor(random() * anchors.length),
    theme: random() < 0.95 ? 0 : Math.floor(random() * anchors.length),
    x: random() * 120 - 60,
    y: random() * 120 - 60,
  }));
  return {
    x: Float32Array.from(spots, ({ near, x }) => (anchors[near]?.x ?? 0) + x),
    y: Float32Array.from(spots, ({ near, y }) => (anchors[near]?.y ?? 0) + y),
    theme: Int32Array.from(spots, ({ theme }) => theme),
  };
}

const ordered = (labels: readonly Label[]): [Label, Label][] =>
  labels.flatMap((one) => labels.filter((other) => other !== one).map((other): [Label, Label] => [one, other]));

const pairsOf = (labels: readonly Label[]): [Label, Label][] => ordered(labels).filter(([one, other]) => one.theme < other.theme);

describe('the labels of a map', () => {
  it.each([
    [1, 'anywhere', area],
    [9, 'anywhere', area],
    [30, 'anywhere', area],
    [100, 'anywhere', area],
    [20, 'in one heap', { left: 400, top: 350, right: 500, bottom: 450 }],
    [6, 'in one corner', { left: area.left, top: area.top, right: area.left + 20, bottom: area.top + 20 }],
  ])('of %d themes %s neither touch each other nor a leader nor leave the plot', (count, _, around) => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const random = createRandom(seed);
      const anchors = anchorsAt(random, count, around);
      const labels = placeLabels(anchors, { area, points: crowdAt(random, anchors), numbers: true });
      // A hundred in one crowd leave no place for some few, which the legend still names.
      expect(labels.length).toBeGreaterThanOrEqual(count <= 30 ? count : 0.9 * count);
      expect(pairsOf(labels).filter(([one, other]) => overlaps(one.box, other.box, LABEL_GAP))).toEqual([]);
      expect(ordered(labels).filter(([one, other]) => one.leader && crosses(one.leader, other.box))).toEqual([]);
      expect(pairsOf(labels).filter(([one, other]) => one.leader && other.leader && linesCross(one.leader, other.leader))).toEqual([]);
      expect(labels.filter(({ box }) => !contains(area, box))).toEqual([]);
    }
  });

  it('stand at their anchors where nothing is in the way', () => {
    const [label] = placeLabels([{ name: 'Buses', x: 400, y: 300 }], { area, points: noPoints, numbers: true });
    expect(label).toMatchObject({ lines: ['Buses'], leader: null, numbered: false });
    expect(((label?.box.left ?? 0) + (label?.box.right ?? 0)) / 2).toBeCloseTo(400);
  });

  it('leave points visible: they stand beside a crowd, not on it', () => {
    const side = Array.from({ length: 400 }, (_, index) => ({ x: 380 + (index % 20) * 2, y: 280 + Math.floor(index / 20) * 2 }));
    const points = { x: Float32Array.from(side, ({ x }) => x), y: Float32Array.from(side, ({ y }) => y), theme: new Int32Array(400) };
    const [label] = placeLabels([{ name: 'Buses', x: 400, y: 300 }], { area, points, numbers: true });
    const covered = side.filter(({ x, y }) => label && x > label.box.left && x < label.box.right && y > label.box.top && y < label.box.bottom);
    expect(covered).toEqual([]);
    expect(label?.leader).toBeNull();
  });

  it('are led to their anchors where they have to stand apart', () => {
    // A small theme in the middle of a large one.
    const crowd = Array.from({ length: 4_000 }, (_, index) => ({ x: 320 + (index % 80) * 2, y: 250 + Math.floor(index / 80) * 2 }));
    const points = { x: Float32Array.from(crowd, ({ x }) => x), y: Float32Array.from(crowd, ({ y }) => y), theme: new Int32Array(crowd.length) };
    const anchors = [
      { name: 'Housing', x: 320, y: 250 },
      { name: 'Buses', x: 400, y: 300 },
    ];
    const [housing, buses] = placeLabels(anchors, { area, points, numbers: true });
    expect(housing).toMatchObject({ lines: ['Housing'], leader: null });
    expect(buses).toMatchObject({ lines: ['Buses'], leader: { x2: 400, y2: 300 } });
  });

  it('become numbers where there is no room for words, and are left out where no legend explains numbers', () => {
    const narrow = { left: 0, top: 0, right: 60, bottom: 60 };
    const anchors = [{ name: 'Accessibility', x: 30, y: 30 }];
    expect(placeLabels(anchors, { area: narrow, points: noPoints, numbers: true })).toMatchObject([{ lines: ['1'], numbered: true }]);
    expect(placeLabels(anchors, { area: narrow, points: noPoints, numbers: false })).toEqual([]);
  });

  it('are the same for the same picture', () => {
    const anchors = anchorsAt(createRandom(3), 20);
    const place = () => placeLabels(anchors, { area, points: noPoints, numbers: true });
    expect(place()).toEqual(place());
  });
});
