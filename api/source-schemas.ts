import { z } from 'zod';
import type { Connection } from '../lib/db/mail-types.ts';
import { type DealSource, ITEM_STATES, SOURCE_STATUSES, type SourceSync, type StoredItem, SYNC_TRIGGERS } from '../lib/db/source-types.ts';
import { SOURCE_TYPES, SYNC_TYPES } from '../lib/jobs/source-sync.ts';
import { dealParams } from './deal-schemas.ts';
import { pageQuery, text } from './schemas.ts';
import { LONGEST_NAME } from './source-settings.ts';

export const tags = ['sources'];
export const sourceParams = dealParams.extend({ sourceId: z.guid('must be the uuid of a source') });

const type = z.enum(SOURCE_TYPES, `must be one of ${SOURCE_TYPES.join(', ')}`);
export const syncType = z.enum(SYNC_TYPES, `must be one of ${SYNC_TYPES.join(', ')}`);
const connectionId = z.guid('must be the uuid of a connection').describe('An account of the caller’s own; left out: the only one of its provider');
const name = text({ max: LONGEST_NAME });
const settings = z.record(z.string(), z.unknown());

const SETTINGS = `What of the account is synced; without any, all of it.

- \`gdrive\`: \`folderId\` (with all below it), \`driveId\` (a shared drive), \`exportAs\` (\`{ documents, spreadsheets, presentations }\`: Office or pdf)
- \`sharepoint\`: \`siteUrl\` or \`siteId\`, \`library\`, \`folder\`; or \`driveId\`, \`folder\`. Without a site: the account’s OneDrive
- \`gmail\`: \`labelIds\` (ids or names; a mail must have all of them), \`query\` (as in Gmail’s search)
- \`outlook\`: \`folders\` (paths of names, or \`inbox\` and the like), \`includeSubfolders\`, \`since\`
- all: \`types\` (endings of files, such as pdf), \`maxBytes\`, \`deletes\` (\`follow\`: what goes there goes here; \`keep\`), \`pollMinutes\``;

export const newSource = z
  .strictObject({
    type,
    connectionId: connectionId.exactOptional(),
    name: name.exactOptional().describe('Default: the kind, and what of it is synced'),
    settings: settings.default({}).describe(SETTINGS),
  })
  .meta({
    examples: [
      { type: 'gdrive', settings: { folderId: '1a2B3c4D5e6F', types: ['pdf', 'docx'] } },
      { type: 'sharepoint', settings: { siteUrl: 'https://contoso.sharepoint.com/sites/nova', library: 'Documents', folder: 'Contracts/2026' } },
      { type: 'gmail', settings: { labelIds: ['Deals/Nova'], query: 'newer_than:1y' } },
      { type: 'outlook', settings: { folders: ['Deals/Nova'], since: '2026-01-01' } },
    ],
  });

export const sourceChanges = z
  .strictObject({
    name: name.exactOptional(),
    settings: settings.exactOptional().describe(`Takes the place of what was there. ${SETTINGS}`),
    paused: z.boolean().exactOptional().describe('No sync begins, and one that is under way leaves off; resumed, it goes on from there'),
    connectionId: connectionId.exactOptional().describe('An account of the caller’s own that takes the place of the one it has'),
  })
  .refine((changes) => Object.keys(changes).length > 0, 'must name what changes')
  .meta({ examples: [{ paused: true }, { settings: { folderId: '1a2B3c4D5e6F', deletes: 'keep', pollMinutes: 60 } }] });

export const source = z.object({
  id: z.string(),
  dealId: z.string(),
  type,
  name: z.string(),
  connectionId: z.string().nullable().describe('Null: its account was disconnected'),
  settings,
  status: z.enum(SOURCE_STATUSES).describe('reauth: its account must be connected again; then it goes on by itself'),
  statusReason: z.string().nullable().describe('Why it failed, or why it waits'),
  paused: z.boolean(),
  progressAt: z.string().nullable().describe('When anything of a sync was stored last'),
  syncedAt: z.string().nullable().describe('The latest sync that ended well'),
  watchExpiresAt: z.string().nullable().describe('Notices of change come until then; null: it is asked at intervals'),
  createdBy: z.string().nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
});

export function viewSource({ sourceType, ...shown }: DealSource): z.infer<typeof source> {
  return { ...shown, type: sourceType };
}

const counts = {
  pages: z.number(),
  listed: z.number().describe('Items that the source named'),
  unchanged: z.number(),
  created: z.number(),
  changed: z.number().describe('With new content'),
  renamed: z.number().describe('Renamed or moved, and not read again'),
  deleted: z.number(),
  skipped: z.number().describe('Left out by a filter, or by their size'),
  failed: z.number().describe('Could not be read: GET …/items?state=failed says why'),
  calls: z.number().describe('Calls made to the source'),
};

export const sourceSync = z.object({
  id: z.string(),
  type: syncType.describe('As it was asked'),
  mode: syncType.describe('As it was done: full also the first time, and where the source had forgotten what it told last'),
  trigger: z.enum(SYNC_TRIGGERS),
  status: z.enum(['running', 'retrying', 'succeeded', 'failed', 'cancelled']),
  error: z.string().nullable(),
  errorCode: z.string().nullable(),
  jobId: z.string().nullable(),
  ...counts,
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
});

export function viewSync({
  dealId: _deal,
  sourceId: _source,
  sourceType: _type,
  syncType: asked,
  createdAt: _made,
  updatedAt: _at,
  ...shown
}: SourceSync) {
  return { ...shown, type: asked } satisfies z.infer<typeof sourceSync>;
}

const itemState = z.enum(ITEM_STATES, `must be one of ${ITEM_STATES.join(', ')}`);

export const sourceItem = z.object({
  ref: z.string().describe('The source’s own id of it'),
  kind: z.enum(['document', 'email']),
  name: z.string(),
  path: z.string().nullable(),
  url: z.string().nullable().describe('Where it stands at its source'),
  mimeType: z.string().nullable(),
  sizeBytes: z.number().nullable(),
  state: itemState,
  reason: z.string().nullable().describe('Why it was left out, or could not be read'),
  documentId: z.string().nullable(),
  emailId: z.string().nullable(),
  modifiedAt: z.string().nullable().describe('At its source'),
  updatedAt: z.string(),
});

export function viewItem({ sourceId: _source, createdAt: _made, ...shown }: StoredItem): z.infer<typeof sourceItem> {
  return shown;
}

export const itemsQuery = pageQuery.extend({
  // Made of a name, which may be as long as the subject of a mail.
  cursor: z.string().min(1).max(12_000).optional().describe('`nextCursor` of the page before'),
  state: itemState.optional().describe('Default: all but deleted'),
});

const account = z.object({ connectionId: z.string(), userId: z.string(), email: z.string(), provider: z.string(), status: z.string() });

export const sourceDetail = source.extend({
  account: account.nullable(),
  items: z.object({ stored: z.number(), skipped: z.number(), failed: z.number() }),
  latestSync: sourceSync.nullable(),
});

export function viewAccount({ id, userId, email, provider, status }: Connection): z.infer<typeof account> {
  return { connectionId: id, userId, email, provider, status };
}
