import type { DemoKind } from '../kind.ts';
import { stories } from './stories.ts';

/** In the order of their tables; a job kind joins the demo by standing here. */
export const kinds: readonly DemoKind[] = [stories];
