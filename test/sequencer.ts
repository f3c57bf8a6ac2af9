import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files of more than some eight seconds, the slowest first: one that begins last would keep one worker busy while the others are done. */
const SLOW: readonly string[] = [
  'demo/demo',
  'examples/app',
  'e2e/sources-redis',
  'seeds/statements',
  'e2e/mail-postgres',
  'e2e/mail-redis',
  'analysis/embeddings',
  'cli/commands',
  'queue/fair/postgres',
  'conversations/memory',
  'e2e/producers-postgres',
  'e2e/sources-postgres',
  'documents/ocr/ocr',
  'cli/doctor',
  'db/embedded',
  'e2e/deal-postgres',
  'e2e/embedded',
  'pglite',
  'db/conversations-adoption',
  'e2e/stories-postgres',
  'e2e/stories-redis',
  'e2e/deal-redis',
  'e2e/producers-redis',
  'e2e/analysis-postgres',
  'e2e/analysis-redis',
  'schedules/scheduler',
  'db/mail-messages',
  'api/graph-webhook',
  'api/gmail-webhook',
  'sources/gdrive',
  'sources/sharepoint',
  'queue/backend/redis-topologies',
  'ai/local-embeddings',
  'db/mail-adoption',
  'db/adoption',
  'db/migrate',
  'seeds/moving',
];

/** The order is the same on every machine and in every run, also in the first one. */
export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const bySize = await super.sort(files);
    return bySize.toSorted((one, other) => this.place(one) - this.place(other));
  }

  private place({ moduleId }: TestSpecification): number {
    const name = relative('test', moduleId).replace(/\.test\.ts$/, '');
    const place = SLOW.indexOf(name);
    return place === -1 ? SLOW.length : place;
  }
}
