import { z } from 'zod';
import { NotFoundError } from '../../lib/errors.ts';
import { rowCallerOf } from '../access.ts';
import { conversationParams, conversationSummary, tags, theme, themeParams } from '../conversation-schemas.ts';
import type { App } from '../deps.ts';
import { HttpError } from '../errors.ts';
import { answer, failures, success, text } from '../schemas.ts';
import type { Visible } from '../visible.ts';

const name = text({ max: 200 });

const change = z
  .strictObject({ name: name.optional(), description: z.string().max(2_000).optional() })
  .refine(({ name, description }) => name !== undefined || description !== undefined, 'must have a name or a description');

const merge = z.strictObject({
  themeIds: z
    .array(z.guid('must be the uuid of a theme').toLowerCase())
    .min(2, 'must name at least two themes')
    .max(100)
    .refine((ids) => new Set(ids).size === ids.length, 'must not name a theme twice'),
  name: name.optional(),
});

const changed = success(z.object({ theme }));

export function conversationThemeRoutes(app: App, visible: Visible): void {
  app.get('/api/conversations/:id/themes', {
    schema: {
      tags,
      summary: 'Themes of the latest analysis, the largest first',
      params: conversationParams,
      response: {
        200: success(
          z.object({ themes: z.array(theme), analysisJobId: z.string().nullable(), analysisStatus: conversationSummary.shape.analysisStatus }),
        ),
        ...failures,
      },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const { id, analysisJobId, analysisStatus } = await visible.conversation(caller, request.params.id);
      const themes = await visible.rows(caller).conversations.themes(id);
      return answer({ themes: themes.toSorted((a, b) => b.size - a.size || a.position - b.position), analysisJobId, analysisStatus });
    },
  });

  app.patch('/api/conversations/:id/themes/:themeId', {
    schema: {
      tags,
      summary: 'Give a theme another name or description; it stays whatever later analyses say',
      params: themeParams,
      body: change.meta({ examples: [{ name: 'Buses and trams' }] }),
      response: { 200: changed, ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const { id } = await visible.conversation(caller, request.params.id);
      const { themeId } = request.params;
      const renamed = await visible.rows(caller).conversations.renameTheme(id, themeId, request.body);
      if (!renamed) throw new NotFoundError('Theme', themeId);
      return answer({ theme: renamed });
    },
  });

  app.post('/api/conversations/:id/themes/merge', {
    schema: {
      tags,
      summary: 'Make one theme of several: the first takes the answers of the others, which go',
      params: conversationParams,
      body: merge.meta({
        examples: [{ themeIds: ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'], name: 'Getting around' }],
      }),
      response: { 200: changed, ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const { id } = await visible.conversation(caller, request.params.id);
      const { themeIds, name: mergedName } = request.body;
      const merged = await visible.rows(caller).conversations.mergeThemes(id, themeIds, { name: mergedName });
      if (!merged) throw new HttpError(404, 'not_found', 'Not all of these themes are in this conversation (any more).', { themeIds });
      return answer({ theme: merged });
    },
  });
}
