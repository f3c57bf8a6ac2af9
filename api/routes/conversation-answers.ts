import { z } from 'zod';
import { DELIMITERS } from '../../lib/conversations/dialect.ts';
import { type ImportOptions, type ImportReport, importCsv, type StoreAnswers } from '../../lib/conversations/import.ts';
import { invalidInput } from '../../lib/payload.ts';
import { rowCallerOf } from '../access.ts';
import { conversationParams, newAnswers, tags, toNewAnswers } from '../conversation-schemas.ts';
import type { ApiDeps, App } from '../deps.ts';
import { allowSlowBody } from '../plugins/slow-bodies.ts';
import { answer, failures, success } from '../schemas.ts';
import { acceptUploads, drain, type Upload, uploadOf } from '../uploads.ts';
import type { Visible } from '../visible.ts';

/** Some 300,000 answers of two sentences. */
const UPLOAD_LIMIT_BYTES = 50 * 1024 * 1024;

const RULES = {
  fields: 'column, idColumn, delimiter, header and encoding',
  tooLong: 'Split it, and repeat the header in each part.',
  cut: 'What had arrived is stored; repeat it with idColumn, and nothing is stored twice.',
};

const WORDS = { comma: ',', semicolon: ';', tab: '\t', '\\t': '\t', pipe: '|' } as const;
const words = z.enum(['comma', 'semicolon', 'tab', '\\t', 'pipe']).transform((word) => WORDS[word]);

const table = z.strictObject({
  column: z.string().min(1).max(500).optional().describe('Of the answers: its heading, or its number from 1. Guessed where it is not named'),
  idColumn: z.string().min(1).max(500).optional().describe('Of your own ids: an answer whose id is there already is not stored again'),
  delimiter: z
    .union([z.enum(DELIMITERS), words], 'must be comma, semicolon, tab or pipe')
    .optional()
    .describe('comma, semicolon, tab or pipe, or the character itself. Found where it is not named'),
  header: z
    .enum(['true', 'false'], 'must be true or false')
    .transform((value) => value === 'true')
    .optional()
    .describe('Whether the first row names the columns. Found where it is not said'),
  encoding: z.string().min(1).max(40).optional().describe('Such as utf-8 or windows-1252. Found where it is not named'),
});

const json = z.strictObject({ responses: newAnswers.min(1, 'must hold at least one answer') });

const report = z.object({
  rows: z.number(),
  added: z.number(),
  skipped: z.number().describe('Their id was there already'),
  empty: z.number().describe('Stored without a word in them; analyses leave them out'),
  badRows: z.object({ count: z.number(), first: z.array(z.object({ line: z.number(), reason: z.string() })) }),
  column: z.string().nullable(),
  idColumn: z.string().nullable(),
  delimiter: z.string().nullable().describe('Null: one column'),
  encoding: z.string().nullable(),
  header: z.boolean().nullable(),
});

const binary = { schema: { type: 'string', format: 'binary', example: 'id,comment\n1,More trees\n2,"Buses, at night too"\n' } };
const requestBody = {
  'application/json': {
    schema: { ...z.toJSONSchema(json, { io: 'input' }), examples: [{ responses: ['More trees', { text: 'Buses at night', externalId: '17' }] }] },
  },
  'text/csv': binary,
  'multipart/form-data': {
    schema: {
      type: 'object',
      required: ['file'],
      properties: { ...z.toJSONSchema(table, { io: 'input' }).properties, file: { type: 'string', format: 'binary' } },
    },
  },
};

/** Registered in a scope of its own, which takes files. */
export async function conversationAnswerRoutes(app: App, deps: ApiDeps, visible: Visible): Promise<void> {
  const limitBytes = deps.options.uploadLimitBytes ?? UPLOAD_LIMIT_BYTES;
  const rules = { ...RULES, limitBytes };
  await app.register(async (scope: App) => {
    await acceptUploads(scope, limitBytes);
    scope.post('/api/conversations/:id/responses', {
      config: { requestBody },
      schema: {
        tags,
        summary: 'Add answers: JSON, or a CSV file as the body or in a form',
        description: `Of a CSV file delimiter, quoting, encoding, header and the column of the answers are found; the query (or fields of the form, before the file) overrules. A bad row is reported with its line, the rest goes in. At most ${Math.floor(limitBytes / 1024 / 1024)} MiB; stored while it arrives. With \`idColumn\` (or \`externalId\`) a repeated upload stores nothing twice.`,
        params: conversationParams,
        querystring: table,
        response: { 200: success(report), ...failures },
      },
      handler: async (request) => {
        const caller = rowCallerOf(request);
        const { conversations } = visible.rows(caller);
        try {
          const { id } = await visible.conversation(caller, request.params.id);
          const store: StoreAnswers = (answers) => conversations.addAnswers(id, answers);
          const upload = await uploadOf(request, rules);
          if (!upload) return answer(await addJson(request.body, store));
          allowSlowBody(request);
          const stored = await importCsv(upload.source, optionsOf(upload, request.query), store);
          await upload.finish();
          return answer(stored);
        } catch (error) {
          drain(request);
          throw error;
        }
      },
    });
  });
}

function optionsOf({ fields, charset }: Upload, query: z.infer<typeof table>): ImportOptions {
  const parsed = table.safeParse(fields);
  if (!parsed.success) throw invalidInput('input', parsed.error, 'body');
  return { ...(charset ? { encoding: charset } : {}), ...query, ...parsed.data };
}

async function addJson(body: unknown, store: StoreAnswers): Promise<z.infer<typeof report>> {
  const parsed = json.safeParse(body);
  if (!parsed.success) throw invalidInput('input', parsed.error, 'body');
  const responses = toNewAnswers(parsed.data.responses);
  const empty = responses.filter(({ text }) => text.trim() === '').length;
  const none = { column: null, idColumn: null, delimiter: null, encoding: null, header: null };
  return { rows: responses.length, ...(await store(responses)), empty, badRows: { count: 0, first: [] }, ...none } satisfies Partial<
    Record<keyof ImportReport, unknown>
  >;
}
