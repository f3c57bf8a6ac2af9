import type { MapPicture, PngOptions } from './picture.ts';

export type RenderTask = { kind: 'svg'; picture: MapPicture } | { kind: 'png'; picture: MapPicture; options: PngOptions };

/** What the thread does: see `createMapRenderer`. */
export default async function render(task: RenderTask): Promise<string | Uint8Array> {
  if (task.kind === 'svg') return (await import('./svg.ts')).renderSvg(task.picture);
  return (await import('./png.ts')).renderPng(task.picture, task.options);
}
