import { createHash } from 'node:crypto';
import type { StoryInput } from './story-text.ts';

/** Whoever judges: a change of any of these is worth a new judgement. */
export interface Judge {
  provider: string;
  /** As asked for; vendors answer with a dated name of their own. */
  model: string;
  promptVersions: readonly string[];
}

/** SHA-256 of all that decides a refinement. The same hash: the stored one still holds, and nothing is paid. */
export function refinementHash(story: StoryInput, judge: Judge): string {
  const { title, content, sectorTag, impactTags } = story;
  const parts = [title, content, sectorTag, impactTags, judge.provider, judge.model, judge.promptVersions];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
