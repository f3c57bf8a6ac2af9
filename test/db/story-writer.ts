/** Writes stories into a folder until it is killed, printing the id of each that is stored: `node story-writer.ts <dir> <cache>`. */
import { openEmbedded } from '../../lib/db/embedded.ts';
import { newStory } from './worlds.ts';

const [, , dataDir = '', cacheDir = ''] = process.argv;
const { db } = await openEmbedded({ dataDir, cacheDir });
for (;;) {
  const { id } = await db.stories.create(newStory());
  console.log(`stored ${id}`);
}
