import { z } from 'zod';
import { rowCallerOf } from '../access.ts';
import type { RowCaller } from '../auth.ts';
import {
  analysisJob,
  conversationCounts,
  conversationParams,
  conversationSummary,
  newAnswers,
  tags,
  toNewAnswers,
  viewJob,
  viewSummary,
} from '../conversation-schemas.ts';
import type { ApiDeps, App } from '../deps.ts';
import { answer, failures, pageQuery, success, text } from '../schemas.ts';
import type { Visible } from '../visible.ts';

const newConversation = z.strictObject({
  title: text({ max: 500 }),
  id: z.uuid('must be a uuid: it becomes the id of the conversation').optional().describe('Makes the call safe to repeat'),
  responses: newAnswers.optional().describe('Texts, or { text, externalId? }'),
});

const created = z.object({ conversation: conversationSummary, added: z.number(), skipped: z.number() });

export function conversationRoutes(app: App, deps: ApiDeps, visible: Visible): void {
  app.post('/api/conversations', {
    schema: {
      tags,
      summary: 'Store a conversation, with its first answers if there are any',
      description:
        'The same `id` again answers the conversation that is there (200). Its `responses` are stored again then, but for those whose `externalId` is there already.',
      body: newConversation.meta({
        examples: [{ title: 'What should our town look like in 2050?', responses: ['More trees', { text: 'Buses at night', externalId: '17' }] }],
      }),
      response: { 200: success(created).describe('It was there already'), 201: success(created), ...failures },
    },
    handler: async (request, reply) => {
      const { wasThere, ...stored } = await create(visible, rowCallerOf(request), request.body);
      return reply
        .code(wasThere ? 200 : 201)
        .header('location', `/api/conversations/${stored.conversation.id}`)
        .send(answer(stored));
    },
  });

  app.get('/api/conversations', {
    schema: {
      tags,
      summary: 'Conversations, newest first',
      querystring: pageQuery,
      response: { 200: success(z.object({ conversations: z.array(conversationSummary), nextCursor: z.string().nullable() })), ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const { limit, cursor } = request.query;
      const owned = caller.userId === undefined ? {} : { userId: caller.userId };
      const page = await visible.rows(caller).conversations.list({ limit, ...(cursor ? { cursor } : {}), ...owned });
      return answer({ conversations: page.items.map(viewSummary), nextCursor: page.nextCursor });
    },
  });

  app.get('/api/conversations/:id', {
    schema: {
      tags,
      summary: 'A conversation: its state, its counts, what the latest analysis said, and the latest job with its progress',
      params: conversationParams,
      response: {
        200: success(
          z.object({
            conversation: conversationSummary.extend({ analysis: z.unknown().describe('The result of the latest analysis; null before the first') }),
            counts: conversationCounts,
            job: analysisJob.nullable(),
          }),
        ),
        ...failures,
      },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const conversation = await visible.conversation(caller, request.params.id);
      const [counts, job] = await Promise.all([
        visible.rows(caller).conversations.counts(conversation.id),
        deps.db.jobRows.latestAnalysis(conversation.id),
      ]);
      return answer({ conversation, counts, job: job ? viewJob(job) : null });
    },
  });
}

async function create(visible: Visible, caller: RowCaller, { id, title, responses = [] }: z.infer<typeof newConversation>) {
  const { conversations } = visible.rows(caller);
  const wasThere = id !== undefined && (await conversations.get(id)) !== undefined;
  const conversation = await conversations.create({ userId: caller.userId ?? null, title, ...(id ? { id } : {}) });
  const stored = responses.length > 0 ? await conversations.addAnswers(conversation.id, toNewAnswers(responses)) : { added: 0, skipped: 0 };
  return { conversation: viewSummary(conversation), ...stored, wasThere };
}
