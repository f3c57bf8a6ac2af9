import type { DemoKind } from '../kind.ts';
import { conversation } from './conversation-analysis.ts';
import { dealRoom } from './deal-room.ts';
import { mailbox } from './gmail-fetch.ts';
import { prompts } from './prompts.ts';
import { replies } from './replies.ts';
import { reviews } from './reviews.ts';
import { sentiment } from './sentiment.ts';
import { sources } from './sources.ts';
import { stories } from './stories.ts';

/** In the order of their tables; a job kind joins the demo by standing here. */
export const kinds: readonly DemoKind[] = [stories, replies, reviews, prompts, sentiment, conversation, mailbox, dealRoom, sources];
