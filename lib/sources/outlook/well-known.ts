import type { Graph } from '../graph/contract.ts';

/** Ids by well-known names; null: the mailbox has none. */
export type WellKnown = Record<string, string | null>;

/** Of Graph's mailFolder resource; those that can hold mail. */
const NAMES = new Set([
  'archive',
  'clutter',
  'conversationhistory',
  'deleteditems',
  'drafts',
  'inbox',
  'junkemail',
  'outbox',
  'scheduled',
  'sentitems',
  'syncissues',
]);

/** Of `Sent Items`, say, whatever it is called in the mailbox. */
export function wellKnownNameOf(name: string): string | undefined {
  const plain = name.toLowerCase().replace(/\s/g, '');
  return NAMES.has(plain) ? plain : undefined;
}

interface BatchAnswer {
  responses?: { id?: string; status?: number; body?: { id?: string } }[];
}

/** Fills in those that are not known yet: in one call, and those that this one could not tell by themselves. */
export async function findWellKnown(names: readonly string[], known: WellKnown, graph: Graph): Promise<void> {
  const missing = names.filter((name) => !(name in known));
  if (missing.length > 1) await findAtOnce(missing, known, graph);
  for (const name of missing.filter((one) => !(one in known))) {
    const folder = await graph.find<{ id: string }>(pathOf(name), { method: 'mailFolders.get' });
    known[name] = folder?.id ?? null;
  }
}

const pathOf = (name: string): string => `/me/mailFolders/${name}?$select=id`;

/** One after the other: side by side, the parts of a batch would each take one of the four places at the mailbox. What follows a missing one is not answered. */
async function findAtOnce(names: readonly string[], known: WellKnown, graph: Graph): Promise<void> {
  const requests = names.map((name, index) => ({
    id: name,
    method: 'GET',
    url: pathOf(name),
    ...(index === 0 ? {} : { dependsOn: names.slice(index - 1, index) }),
  }));
  const { responses = [] } = await graph.post<BatchAnswer>('/$batch', { requests }, { method: 'batch of mailFolders.get' });
  for (const { id, status, body } of responses) {
    if (id === undefined || !names.includes(id)) continue;
    if (status === 200 && body?.id) known[id] = body.id;
    if (status === 404) known[id] = null;
  }
}
