import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { MapPicture } from '../../lib/analysis/map/picture.ts';
import { createMapRenderer } from '../../lib/analysis/map/render.ts';
import { mapJson, mapPicture } from '../../lib/conversations/map.ts';
import { answersOf, type Snapshot, takeSnapshot } from '../../lib/conversations/snapshot.ts';
import type { ConversationsTable } from '../../lib/db/conversation-types.ts';
import { UnavailableError } from '../../lib/errors.ts';
import { rowCallerOf } from '../access.ts';
import { formatOf, isKnown, sendText, tagAnswer } from '../content.ts';
import { conversationParams, tags, theme } from '../conversation-schemas.ts';
import type { App } from '../deps.ts';
import { HttpError } from '../errors.ts';
import { createPictures } from '../pictures.ts';
import { failures, success } from '../schemas.ts';
import type { Visible } from '../visible.ts';

const TYPES = { json: 'application/json', svg: 'image/svg+xml', png: 'image/png' } as const;
/** A picture is looked at, and does nothing: no scripts, nothing from elsewhere. */
const PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
/** An analysis may end while its answers are read. */
const MOST_READINGS = 3;

const query = z.object({
  format: z.enum(['json', 'svg', 'png']).optional().describe('Instead of the header Accept'),
  width: z.coerce.number().int().min(200).max(4_000).optional().describe('Pixels of the PNG; the height follows'),
});

const legend = theme.pick({ id: true, name: true, size: true, share: true, sentiment: true, x: true, y: true });
const point = z.object({
  id: z.string(),
  x: z.number(),
  y: z.number(),
  themeId: z.string().nullable().describe('Null: in no theme'),
  text: z.string(),
});
const json = success(
  z.object({
    conversationId: z.string(),
    title: z.string(),
    analysisJobId: z.string(),
    analysedAt: z.string().nullable(),
    themes: z.array(legend),
    points: z.array(point).describe('Distinct answers; texts are clipped'),
  }),
);
const picture = { schema: z.string() };

export function conversationMapRoute(app: App, visible: Visible): void {
  const renderer = createMapRenderer();
  const pictures = createPictures(renderer);
  app.addHook('onClose', () => renderer.close());

  app.get('/api/conversations/:id/map', {
    schema: {
      tags,
      summary: 'The map of the latest analysis: its points as JSON, or drawn as SVG or PNG',
      description: 'By `Accept` or `format`. With `If-None-Match` an unchanged map costs nothing (304). 409 before the first analysis.',
      params: conversationParams,
      querystring: query,
      response: {
        200: { description: 'The map', content: { 'application/json': { schema: json }, 'image/svg+xml': picture, 'image/png': picture } },
        304: z.null().describe('As the caller has it'),
        ...failures,
      },
    },
    handler: async (request, reply) => {
      const format = formatOf(request, request.query.format, TYPES);
      const caller = rowCallerOf(request);
      const { conversations } = visible.rows(caller);
      const read = async () => takeSnapshot(conversations, requireAnalysed(await visible.conversation(caller, request.params.id)));
      const snapshot = await read();
      const options = format === 'png' && request.query.width ? { width: request.query.width } : {};
      const tag = [snapshot.version, format, ...Object.values(options)].join('-');
      tagAnswer(reply, tag);
      if (isKnown(request, tag)) return reply.code(304).send(null);
      if (format === 'json') return sendText(reply, TYPES.json, mapJson(snapshot, answersOf(conversations, snapshot)));
      const drawn = await pictures.get(tag, async (renderer) => {
        const whole = await readWhole(conversations, snapshot, read);
        return format === 'svg' ? renderer.svg(whole) : renderer.png(whole, options);
      });
      return sendPicture(reply, TYPES[format], drawn);
    },
  });
}

/** All of it, of one analysis. */
async function readWhole(table: ConversationsTable, first: Snapshot, again: () => Promise<Snapshot>): Promise<MapPicture> {
  let snapshot = first;
  for (let reading = 1; ; reading += 1) {
    try {
      return await mapPicture(snapshot, answersOf(table, snapshot));
    } catch (error) {
      const changed = error instanceof UnavailableError && error.code === 'changed_meanwhile';
      if (!changed || reading === MOST_READINGS) throw error;
      snapshot = await again();
    }
  }
}

function sendPicture(reply: FastifyReply, type: string, drawn: string | Uint8Array): FastifyReply {
  const headers = { 'content-security-policy': PICTURE_POLICY, 'x-content-type-options': 'nosniff' };
  const body = Buffer.from(drawn);
  return reply.type(type).headers(headers).send(body);
}

function requireAnalysed<T extends { analysisJobId: string | null; analysisStatus: string }>(conversation: T): T {
  if (conversation.analysisJobId !== null) return conversation;
  const { analysisStatus } = conversation;
  throw new HttpError(409, 'not_analysed', 'There is no map before the first analysis has ended: ask for one with POST …/analysis.', {
    analysisStatus,
  });
}
