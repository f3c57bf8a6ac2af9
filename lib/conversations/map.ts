/** The map of a conversation: its distinct answers where the analysis put them. */
import type { MapPicture } from '../analysis/map/picture.ts';
import type { Answer, Theme } from '../db/conversation-types.ts';
import { jsonPages } from './json-pages.ts';
import type { Snapshot } from './snapshot.ts';

const SHOWN_CHARACTERS = 160;

/** Equal answers stand in one place, and are one point. */
function isPoint(answer: Answer): answer is Answer & { x: number; y: number } {
  return answer.x !== null && answer.y !== null && answer.duplicateOf === null;
}

/** `{ success, data: { conversationId, title, analysisJobId, analysedAt, themes, points } }`, written page by page. */
export function mapJson({ conversation, themes }: Snapshot, pages: AsyncIterable<Answer[]>): AsyncGenerator<string> {
  const { id: conversationId, title, analysisJobId, analysedAt } = conversation;
  return jsonPages({ conversationId, title, analysisJobId, analysedAt, themes: themes.map(legendOf) }, 'points', placed(pages), pointOf);
}

async function* placed(pages: AsyncIterable<Answer[]>) {
  for await (const page of pages) yield page.filter(isPoint);
}

function legendOf({ id, name, size, share, sentiment, x, y }: Theme) {
  return { id, name, size, share, sentiment, x, y };
}

function pointOf({ id, x, y, themeId, text }: Answer & { x: number; y: number }) {
  return { id, x: rounded(x), y: rounded(y), themeId, text: clipped(text) };
}

/** Finer than any screen; a third of the length. */
function rounded(coordinate: number): number {
  return Number(coordinate.toPrecision(6));
}

function clipped(text: string): string {
  if (text.length <= SHOWN_CHARACTERS) return text;
  return `${text
    .slice(0, SHOWN_CHARACTERS - 1)
    .replace(/[\uD800-\uDBFF]$/, '')
    .trimEnd()}…`;
}

/** What the renderer draws. */
export async function mapPicture({ conversation, themes }: Snapshot, pages: AsyncIterable<Answer[]>): Promise<MapPicture> {
  const indexOf = new Map(themes.map(({ id }, index) => [id, index]));
  const [x, y, theme]: [number[], number[], number[]] = [[], [], []];
  for await (const page of placed(pages)) {
    for (const answer of page) {
      x.push(answer.x);
      y.push(answer.y);
      theme.push(answer.themeId === null ? -1 : (indexOf.get(answer.themeId) ?? -1));
    }
  }
  const points = { x: Float32Array.from(x), y: Float32Array.from(y), theme: Int32Array.from(theme) };
  const drawn = themes.map((one, index) => ({ name: one.name, size: one.size, share: one.share, ...anchorOf(one, index, points) }));
  return { title: conversation.title, points, themes: drawn };
}

/** Where its label stands: as the analysis says, else in the middle of its points. */
function anchorOf({ x, y }: Theme, index: number, points: MapPicture['points']): { x: number; y: number } {
  if (x !== null && y !== null) return { x, y };
  const own = Array.from(points.theme.keys()).filter((at) => points.theme[at] === index);
  const mean = (values: Float32Array) => own.reduce((sum, at) => sum + (values[at] ?? 0), 0) / Math.max(1, own.length);
  return { x: mean(points.x), y: mean(points.y) };
}
