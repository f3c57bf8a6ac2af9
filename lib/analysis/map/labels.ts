import { contains, crosses, type Line, linesCross, nearestIn, overlaps } from './boxes.ts';
import { type Crowd, createCrowd } from './crowd.ts';
import type { Box } from './frame.ts';
import { textWidth, type WrapOptions, wrapText } from './words.ts';

/** What is to be labelled, in pixels. */
export interface Anchor {
  name: string;
  x: number;
  y: number;
}

export interface Label {
  /** Index of the anchor. */
  theme: number;
  /** The name, or the theme's number in the legend where there is no room for words. */
  lines: string[];
  numbered: boolean;
  fontSize: number;
  box: Box;
  /** From the label to its anchor, where it stands apart. */
  leader: Line | null;
}

export interface PlaceOptions {
  /** Whether a legend tells what a number means; without one, a name that finds no place is left out. */
  numbers: boolean;
  /** No label leaves it. */
  area: Box;
  /** In pixels: labels should leave them visible, and stand by those of their own theme. */
  points: { x: Float32Array; y: Float32Array; theme: Int32Array };
}

/** Of more themes the smaller ones get numbers: so many words would hide the points. */
const MOST_NAMES = 30;
/** Pixels between two labels. */
export const LABEL_GAP = 4;
export const LINE_HEIGHT = 1.2;
const PADDING = 3;
/** Pixels: a label beside a point's middle may still cover its edge. */
const DOT_RADIUS = 4;
/** Pixels from the anchor. */
const FARTHEST = 360;
const STEP = 12;
const ANGLES = 24;
/** A label that is no farther from a point of its theme, or its anchor, is seen to belong there. */
const LEADER_FROM = 22;
/** To cover one part in a hundred of the points is as bad as to stand so many pixels farther away. */
const PIXELS_PER_HUNDREDTH = 60;

/**
 * Where the labels stand: as near to their anchors as can be without touching another label, a leader or the edge, and rather beside points than
 * on them. Anchors come in their order of importance; each takes the best place left. A name that finds none is cut, then becomes its number.
 */
export function placeLabels(anchors: readonly Anchor[], { area, points, numbers }: PlaceOptions): Label[] {
  const crowd = createCrowd(points, area);
  const members = membersOf(anchors, points);
  const placed: Label[] = [];
  for (const [theme, anchor] of anchors.entries()) {
    const around = { area, crowd, members: members[theme] ?? [], placed };
    const shapes = shapesOf(anchor, theme, fontSizeFor(anchors.length)).filter(({ numbered }) =>
      numbered ? numbers : !numbers || theme < MOST_NAMES,
    );
    const label = firstThatFits(shapes, (shape) => bestPlace(anchor, shape, around));
    if (label) placed.push({ theme, ...label });
  }
  return placed;
}

/** Of each theme: its anchor and its points. */
function membersOf(anchors: readonly Anchor[], { x, y, theme }: PlaceOptions['points']): Spot[][] {
  const members = anchors.map((anchor): Spot[] => [anchor]);
  for (const [index, pointX] of x.entries()) members[theme[index] ?? -1]?.push({ x: pointX, y: y[index] ?? 0 });
  return members;
}

function fontSizeFor(count: number): number {
  if (count <= 8) return 16;
  if (count <= 16) return 14;
  return count <= 32 ? 12 : 11;
}

type Shape = Pick<Label, 'lines' | 'numbered' | 'fontSize'>;
type Place = Omit<Label, 'theme'>;

/** The name as it is best, shorter, and as a number. */
function shapesOf({ name }: Anchor, theme: number, fontSize: number): Shape[] {
  const words = [2, 1].map((lines) => ({ lines: evenLines(name, { width: fontSize * 10, fontSize, bold: true, lines }), numbered: false, fontSize }));
  return [...words, { lines: [`${theme + 1}`], numbered: true, fontSize }];
}

/** As narrow as the same number of lines can be, so that no line has a single short word. */
function evenLines(name: string, options: WrapOptions): string[] {
  const lines = wrapText(name, options);
  if (lines.length === 1) return lines;
  for (let width = options.width * 0.55; width < options.width; width += options.fontSize / 2) {
    const narrow = wrapText(name, { ...options, width });
    if (narrow.join(' ') === lines.join(' ')) return narrow;
  }
  return lines;
}

function firstThatFits(shapes: readonly Shape[], place: (shape: Shape) => Place | undefined): Place | undefined {
  for (const shape of shapes) {
    const found = place(shape);
    if (found) return found;
  }
  return undefined;
}

interface Spot {
  x: number;
  y: number;
}

interface Surroundings {
  area: Box;
  crowd: Crowd;
  members: readonly Spot[];
  placed: readonly Label[];
}

function bestPlace(anchor: Anchor, shape: Shape, around: Surroundings): Place | undefined {
  const half = halfOf(shape);
  let best: { cost: number; place: Place } | undefined;
  for (const { x, y } of spots(anchor)) {
    const box = { left: x - half.width, right: x + half.width, top: y - half.height, bottom: y + half.height };
    if (!contains(around.area, box)) continue;
    const cost =
      distanceTo(anchor, box) + 0.2 * Math.hypot(x - anchor.x, y - anchor.y) + around.crowd.in(grown(box, DOT_RADIUS)) * 100 * PIXELS_PER_HUNDREDTH;
    if (best && cost >= best.cost) continue;
    const place = { ...shape, box, leader: leaderOf(anchor, box, around.members) };
    if (isFree(place, around.placed)) best = { cost, place };
  }
  return best?.place;
}

function halfOf({ lines, fontSize }: Shape): { width: number; height: number } {
  const width = Math.max(...lines.map((line) => textWidth(line, { fontSize, bold: true })));
  return { width: width / 2 + PADDING, height: (lines.length * fontSize * LINE_HEIGHT) / 2 + PADDING };
}

/** The anchor, then rings around it. */
function* spots({ x, y }: Spot): Generator<Spot> {
  yield { x, y };
  for (let radius = STEP; radius <= FARTHEST; radius += STEP) {
    for (let turn = 0; turn < ANGLES; turn += 1) {
      const angle = (2 * Math.PI * turn) / ANGLES;
      yield { x: x + radius * Math.cos(angle), y: y + radius * Math.sin(angle) };
    }
  }
}

function grown({ left, top, right, bottom }: Box, by: number): Box {
  return { left: left - by, top: top - by, right: right + by, bottom: bottom + by };
}

function distanceTo({ x, y }: Spot, box: Box): number {
  const nearest = nearestIn(box, x, y);
  return Math.hypot(nearest.x - x, nearest.y - y);
}

function leaderOf(anchor: Anchor, box: Box, members: readonly Spot[]): Line | null {
  if (members.some((member) => distanceTo(member, box) <= LEADER_FROM)) return null;
  const from = nearestIn(box, anchor.x, anchor.y);
  return { x1: from.x, y1: from.y, x2: anchor.x, y2: anchor.y };
}

function isFree({ box, leader }: Place, placed: readonly Label[]): boolean {
  return placed.every((other) => {
    if (overlaps(box, other.box, LABEL_GAP)) return false;
    if (other.leader && crosses(other.leader, box)) return false;
    return !leader || !(crosses(leader, other.box) || (other.leader && linesCross(leader, other.leader)));
  });
}
