import type { LocalTask } from '../ai/contract.ts';
import type { BlockerAnswer } from './answers.ts';
import { peopleOf } from './debt-people.ts';
import { readMail } from './debt-sentences.ts';
import { createLedger, type Debt } from './debts.ts';
import { type DescribedMail, labelOf } from './thread.ts';

/**
 * What the local provider does for `email-blocker`: rules over the sentences of each mail, in English. It finds what is asked for, waited for, refused and
 * delivered by set phrases, and sees nothing that is said in other words. Deterministic.
 */
const judgeLocally: LocalTask = (data): BlockerAnswer => {
  const ledger = createLedger();
  const mails = mailsOf(data);
  for (const [index, mail] of mails.entries()) {
    const read = { people: peopleOf(mail, mails), sent: mail.sent?.slice(0, 10) ?? null, text: mail.text };
    for (const said of readMail(read)) ledger.hear(said, index);
  }
  return answerOf(ledger.debts());
};

export default judgeLocally;

function mailsOf(data: Readonly<Record<string, string>>): DescribedMail[] {
  const mails: DescribedMail[] = [];
  // Written by `threadData`.
  for (let json = data[labelOf(0)]; json !== undefined; json = data[labelOf(mails.length)]) mails.push(JSON.parse(json) as DescribedMail);
  return mails;
}

const MOST_ITEMS = 10;

function answerOf(debts: readonly Debt[]): BlockerAnswer {
  const open = debts.filter(({ paidIn }) => paidIn === undefined);
  const status = debts.length === 0 ? 'none' : open.length > 0 ? 'open' : 'resolved';
  const told = (status === 'open' ? open : debts).slice(0, MOST_ITEMS);
  return {
    status,
    summary: told.length === 0 ? '' : `${status === 'open' ? 'Waiting for' : 'Delivered'}: ${told.map(described).join('; ')}.`,
    items: told.map(({ what, owedBy, owedTo, dueDate, mails }) => ({ what, owedBy, owedTo, dueDate, messages: mails.map(labelOf) })),
    resolvedBy: status === 'resolved' ? [...new Set(debts.flatMap(({ paidIn }) => paidIn ?? []))].sort((one, other) => one - other).map(labelOf) : [],
  };
}

function described({ what, owedBy, dueDate, paidIn }: Debt): string {
  const details = [owedBy, paidIn === undefined && dueDate ? `by ${dueDate}` : null].filter((detail) => detail !== null);
  return details.length > 0 ? `${what} (${details.join(', ')})` : what;
}
