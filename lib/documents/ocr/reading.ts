import type { Engine, Look } from './engine.ts';
import { type Paragraph, paragraphs } from './words.ts';

export interface Reading {
  paragraphs: string[];
  /** 0 to 1; 0 where nothing was found. */
  confidence: number;
}

/**
 * Text is believed from here on. A scanned page whose text is known, made worse in steps: at 0.78 and 0.72 four words of five were right, at 0.59
 * and 0.58 little more than half, at 0.51 none; upside down it is 0.34.
 */
const TRUSTED = 0.6;

/** The least for a paragraph. What is seen in the dots of a photograph or in a line under a heading has less. */
const LEAST_OF_PARAGRAPH = 0.4;

/** The recogniser straightens up to about 6 degrees by itself and sees no text at all beyond; from these two it reaches 15 to either side. */
const TILTS = [-10, 10].map((degrees) => (degrees * Math.PI) / 180);

/** What the recogniser takes a picture turned by half a circle for, by how EXIF says it lies. Quarters it finds by itself. */
const UPSIDE_DOWN = [0, 3, 4, 1, 2, 7, 8, 5, 6];

export interface HowToRead {
  /** As in EXIF. */
  orientation: number;
  dpi: number | undefined;
}

/** Undefined: the picture cannot be read. Text that is not to be trusted is left out, its confidence told. */
export function readPicture(engine: Engine, image: Uint8Array, { orientation, dpi }: HowToRead): Reading | undefined {
  engine.put(image);
  const read = (lies: number, angle = 0): Attempt | undefined => attemptOf(engine.look({ orientation: lies, angle, dpi }));
  let best = read(orientation);
  if (!best) return undefined;
  for (const angle of TILTS) if (best.found.length === 0) best = better(best, read(orientation, angle));
  if (best.found.length > 0 && best.confidence < TRUSTED) best = better(best, read(UPSIDE_DOWN[orientation] ?? 1));
  return { paragraphs: credible(best), confidence: best.confidence };
}

interface Attempt {
  found: Paragraph[];
  confidence: number;
}

/** Of an empty page Tesseract is as sure as of a good one. */
function attemptOf(look: Look | undefined): Attempt | undefined {
  if (!look) return undefined;
  const found = paragraphs(look.tsv);
  return { found, confidence: found.length > 0 ? look.confidence : 0 };
}

function better(one: Attempt, other: Attempt | undefined): Attempt {
  return other && other.confidence > one.confidence ? other : one;
}

function credible({ found, confidence }: Attempt): string[] {
  if (confidence < TRUSTED) return [];
  return found.filter((paragraph) => paragraph.confidence >= LEAST_OF_PARAGRAPH).map(({ text }) => text);
}
