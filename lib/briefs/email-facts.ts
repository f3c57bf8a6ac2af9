import type { BriefFacts, EmailFact } from '../db/brief-types.ts';
import { fact, type NewFact, personOf } from './fact.ts';
import { count, listOf, quoted } from './plain.ts';

const LABELS = ['positive', 'neutral', 'negative', 'mixed'] as const;

/** How many, in which mood, and by name those that are worst or urgent. */
export function emailFacts({ added, threads, analyzed, mean, labels, urgentCount, negative, urgent }: BriefFacts['emails']): NewFact[] {
  const came =
    added > 0 ? [fact('emails', `${count(added, 'e-mail')} came in, in ${count(threads, 'thread')}.`, { values: { added, threads } })] : [];
  const tones = LABELS.filter((label) => labels[label]).map((label) => `${labels[label]} ${label}`);
  const tone =
    mean === null || analyzed === 0
      ? []
      : [
          fact(
            'emails',
            `${count(analyzed, 'e-mail')} ${analyzed === 1 ? 'was' : 'were'} rated${tones.length > 0 ? `: ${listOf(tones)}` : ''}; the mean score is ${mean} on a scale from -1 to 1.`,
            {
              values: { analyzed, mean, labels },
            },
          ),
        ];
  const most =
    urgentCount > urgent.length ? [fact('emails', `${urgentCount} e-mails are urgent; the latest are named.`, { values: { urgentCount } })] : [];
  return [...came, ...tone, ...most, ...namedMails(negative, urgent)];
}

function namedMails(negative: readonly EmailFact[], urgent: readonly EmailFact[]): NewFact[] {
  const same = (one: EmailFact, other: EmailFact) => one.subject === other.subject && one.from === other.from && one.score === other.score;
  const both = negative.map((mail) =>
    mailFact(
      mail,
      urgent.some((other) => same(mail, other)),
    ),
  );
  return [...both, ...urgent.filter((mail) => !negative.some((other) => same(mail, other))).map((mail) => mailFact(mail, true))];
}

function mailFact(mail: EmailFact, isUrgent: boolean): NewFact {
  const { subject, from, score, label } = mail;
  const name = `The e-mail ${subject === null ? 'without a subject' : quoted(subject)}${from === null ? '' : ` from ${personOf(from)}`}`;
  const bad = score <= -0.3 ? `is ${label ?? 'negative'} (score ${Math.round(score * 10) / 10})` : '';
  const text = `${name} ${[bad, isUrgent ? (bad === '' ? 'is urgent' : 'urgent') : ''].filter((part) => part !== '').join(' and ')}.`;
  return fact('emails', text, { must: isUrgent, values: { ...mail } });
}
