import { z } from 'zod';
import { sentimentResult } from '../../lib/jobs/review-ai.ts';
import type { DemoKind, DemoTools, JobRef } from '../kind.ts';
import { shorten } from '../text.ts';
import { askForReviewJob, readResults, readSamples } from './review-job.ts';

const sample = z.object({ text: z.string(), rating: z.number() });
type Sample = z.infer<typeof sample>;

/** The people who rated the texts said -4 to 4. */
const MOST_RATING = 4;
/** Of all columns but the text. */
const OTHER_COLUMNS = 46;

const TYPE = 'sentiment_analysis';
const inserted = z.array(z.object({ id: z.string() })).length(1);

/** `sentiment_analysis`, the last text asked about by an INSERT: the row is the job. */
export const sentiment: DemoKind = {
  name: 'sentiment',
  label: 'Sentiment',
  async prepare() {
    const found = await readSamples('movie-snippets.json', sample);
    return found.map(
      ({ text }, index) =>
        (tools) =>
          index === found.length - 1 ? insertRow(tools, text) : askForReviewJob(tools, text, TYPE, { text }),
    );
  },
  async report(tools, completed, width) {
    const samples = await readSamples('movie-snippets.json', sample);
    const found = (await readResults(tools, completed, sentimentResult)).map((job) => ({ ...job, people: peopleSay(samples, job.title) }));
    return {
      caption: 'Sentiment (sentiment_analysis) of sentences from movie reviews, from -1 to 1, beside what some twenty people said of each.',
      head: ['Text', 'People', 'Here', 'Label', 'Asked by'],
      rows: found.map(({ title, people, result: { score, label } }) => [
        shorten(title, Math.max(20, width - OTHER_COLUMNS)),
        people.toFixed(1),
        score.toFixed(1),
        label,
        title === samples.at(-1)?.text ? 'SQL' : 'HTTP',
      ]),
      notes: [
        `Asked by SQL: insert into jobs (user_id, type, payload) values (…, '${TYPE}', …). The trigger took the credits, the relay found the row.`,
      ],
      data: { texts: found },
    };
  },
};

/** As an app does that has a connection to the database: in a transaction of its own, if it likes. */
async function insertRow({ sql, customer: { userId } }: DemoTools, text: string): Promise<JobRef> {
  const statement = `insert into jobs (user_id, type, payload) values ($1, '${TYPE}', $2) returning id`;
  const [row] = inserted.parse(await sql(statement, [userId, JSON.stringify({ text })]));
  return { queue: 'review-ai', jobId: row?.id ?? '', title: text };
}

function peopleSay(samples: readonly Sample[], text: string): number {
  return (samples.find((found) => found.text === text)?.rating ?? 0) / MOST_RATING;
}
