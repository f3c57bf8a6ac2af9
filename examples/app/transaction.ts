/**
 * An app that stores something and asks for jobs in one transaction: both are there, or neither. No helper is needed for it, only SQL.
 *
 *     DATABASE_URL=postgresql://… node examples/app/transaction.ts <user id> <story id> "What a story!"
 */
import pg from 'pg';

const [userId, storyId, comment] = process.argv.slice(2);
if (!userId || !storyId || !comment) {
  console.error('Usage: node examples/app/transaction.ts <user id> <story id> <comment>');
  process.exit(2);
}

const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
await client.connect();
await client.query('create table if not exists comments (id uuid primary key default gen_random_uuid(), story_id uuid, text text)');

try {
  await client.query('begin');
  await client.query('insert into comments (story_id, text) values ($1, $2)', [storyId, comment]);
  // Any job. Its id is the answer; while another one for the same story is unfinished, that one does the work.
  const story = await client.query<{ id: string }>(
    `select enqueue_job('story-enhancement', 'enhance', jsonb_build_object('storyId', $1::text), '{"priority": 5}') as id`,
    [storyId],
  );
  // A job with a row of its own: inserting the row asks for it, and takes the user's credits.
  const sentiment = await client.query<{ id: string }>(
    `insert into jobs (user_id, type, payload) values ($1, 'sentiment_analysis', jsonb_build_object('text', $2::text)) returning id`,
    [userId, comment],
  );
  await client.query('commit');
  console.log(JSON.stringify({ storyJob: story.rows[0]?.id, sentimentJob: sentiment.rows[0]?.id }));
} catch (error) {
  await client.query('rollback');
  // PT402: the user has too few credits. The comment is not stored, and no job was asked for.
  if (!(error instanceof pg.DatabaseError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
} finally {
  await client.end();
}
