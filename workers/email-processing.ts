import type { DealEmail } from '../lib/db/deal-types.ts';
import type { Db } from '../lib/db/types.ts';
import { blockerHash, judgeThread } from '../lib/emails/blocker.ts';
import { loadCleaner } from '../lib/emails/clean.ts';
import type { EmailContext } from '../lib/emails/context.ts';
import { type EmailToRate, rateEmail, sentimentHash } from '../lib/emails/sentiment.ts';
import { readThread, type Thread, threadIdOfEmail } from '../lib/emails/thread.ts';
import { NotFoundError } from '../lib/errors.ts';
import type { BlockerResult, MailSentimentResult } from '../lib/jobs/email-processing.ts';
import type { JobContext, Processors } from '../lib/queue/processor.ts';
import { type StepDeps, stepJob } from '../lib/relay/step-job.ts';

/** What main.ts hands to the processors. */
export interface EmailDeps extends StepDeps {
  db: StepDeps['db'] & { emails: Pick<Db['emails'], 'get' | 'thread'>; deals: Pick<Db['deals'], 'get'> };
}

type Context = JobContext<EmailDeps>;
interface Payload {
  emailId: string;
  dealId: string;
}

const key = ({ emailId }: Payload): string => emailId;
const contextOf = ({ ai, meta }: Context): EmailContext => ({ ai, force: meta.force === true });

async function emailOf({ emailId, dealId }: Payload, { deps }: Context): Promise<DealEmail> {
  const email = await deps.db.emails.get(emailId);
  if (email?.dealId !== dealId) throw new NotFoundError('Email', emailId);
  return email;
}

const analyzeSentiment = stepJob<Payload, EmailToRate, MailSentimentResult, EmailDeps>({
  subject: 'email',
  operation: 'analyze_sentiment',
  key,
  load: async (payload, context) => {
    const [email, clean] = await Promise.all([emailOf(payload, context), loadCleaner()]);
    const input = { subject: email.subject ?? '', text: clean(email.text).text };
    return { input, hash: await sentimentHash(input, context.ai) };
  },
  run: async ({ emailId }, input, context) => {
    const rated = await rateEmail(input, contextOf(context));
    const { label, score, urgency, model, promptVersion } = rated;
    return { result: { emailId, ...rated }, changes: { label, score, urgency, model, promptVersion } };
  },
});

interface SeenThread extends Thread {
  /** Mails of the thread that were there when it was read. */
  size: number;
}

/** `EmailsTable.thread` answers no more. */
const MOST_SEEN = 200;
/** Of a longer thread the newest mails are seen, and what is found of them counts. */
const ALL_THAT_COUNT = 2_147_483_647;

const detectBlocker = stepJob<Payload, SeenThread, BlockerResult, EmailDeps>({
  subject: 'email',
  operation: 'detect_blocker',
  key,
  load: async (payload, context) => {
    const thread = await threadOf(payload, context);
    return { input: thread, hash: await blockerHash(thread, context.ai) };
  },
  run: async ({ emailId }, thread, context) => {
    const { blocker, provider, model, promptVersion } = await judgeThread(thread, contextOf(context));
    const changes = { threadId: thread.id, threadSize: thread.size, subject: thread.subject || null, blocker, model, promptVersion };
    return { result: { emailId, threadId: thread.id, blocker: blocker?.status ?? 'none', provider, model, promptVersion }, changes };
  },
});

async function threadOf(payload: Payload, context: Context): Promise<SeenThread> {
  const { emails, deals } = context.deps.db;
  const email = await emailOf(payload, context);
  const [found, deal, clean] = await Promise.all([
    email.threadId ? emails.thread(payload.dealId, email.threadId) : [email],
    deals.get(payload.dealId),
    loadCleaner(),
  ]);
  const size = found.length < MOST_SEEN ? found.length : ALL_THAT_COUNT;
  return { ...readThread(threadIdOfEmail(email), found, clean, deal?.timeZone ?? 'UTC'), size };
}

export default { analyze_sentiment: analyzeSentiment, detect_blocker: detectBlocker } satisfies Processors<'email-processing', EmailDeps>;
