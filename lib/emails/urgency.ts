import type { Urgency } from '../jobs/email-processing.ts';

const whole = (pattern: string): RegExp => new RegExp(`(?<![\\p{L}\\p{N}])(?:${pattern})(?![\\p{L}\\p{N}])`, 'iu');

/** Nobody waits: said in so many words. Where it is said of something, that thing's own urgency is taken back. */
const CAN_WAIT = whole(
  [
    'not (?:that |so |very |at all )?urgent',
    'not a matter of urgency',
    "isn['’]t urgent",
    'no (?:rush|hurry|urgency)',
    'no (?:action|reply|response|answer) (?:is )?(?:needed|required|necessary)',
    'whenever (?:you|it|is|suits)',
    'at your (?:convenience|leisure)',
    'take your time',
    'just fyi',
    'for your information',
    'nicht (?:dringend|eilig)',
    'eilt nicht',
    'keine eile',
    'pas urgent',
    "rien d['’]urgent",
    'sin prisa',
    'no (?:es|corre) (?:urgente|prisa)',
    'non (?:è )?urgente',
  ].join('|'),
);

const NOW = whole(
  [
    'urgent(?:ly)?|urgency',
    'a\\.?s\\.?a\\.?p\\.?|as soon as possible|as soon as you can',
    'immediate(?:ly)?|at once|right away|straight away|without (?:further )?delay',
    'e\\.?o\\.?d\\.?|c\\.?o\\.?b\\.?|end of (?:the )?day|close of business|by (?:noon|tonight|midnight)',
    '(?:by|before|until|due|for|needed|expires?|closes?|deadline is) (?:the end of )?(?:today|tonight|tomorrow|this (?:morning|afternoon|evening))',
    'today|tonight',
    'tomorrow (?:morning|at the latest)',
    'within (?:the (?:next )?)?(?:hour|\\d{1,2} hours?|the day)',
    'final (?:reminder|notice|warning|call)|last (?:reminder|chance)|second reminder',
    'over ?due|past due|missed (?:the|our) deadline',
    "time[- ](?:critical|sensitive)|can(?:no|['’])t wait|cannot wait",
    'critical|emergency|escalat(?:e|ed|ing|ion)',
    'dringend|umgehend|sofort|schnellstmöglich|so (?:bald|schnell) wie möglich|eilt|heute noch|bis (?:heute|morgen)|überfällig',
    "urgente?s?|dès que possible|au plus vite|immédiatement|aujourd['’]hui",
    'cuanto antes|lo antes posible|inmediatamente|hoy mismo',
    'il prima possibile|immediatamente|subito|entro (?:oggi|domani)',
    'zo snel mogelijk|onmiddellijk|spoed',
    'o mais rápido possível|imediatamente|com urgência',
  ].join('|'),
);

/** Somebody is to do something, and has time. */
const ASKS = whole(
  [
    '(?:could|can|would|will) you',
    'please|kindly|pls',
    '(?:we|i) (?:still |also |now )?need|needs? to|required|must',
    'waiting (?:for|on)|awaiting|pending|outstanding|missing|reminder|chasing|follow(?:ing)? up',
    'deadline|due|by (?:the )?(?:end of|mon|tues|wednes|thurs|fri|satur|sun)\\w*|by \\d|this week|next week',
    'bitte|könnten sie|frist|benötigen|fehlt|fehlen',
    'merci de|pourriez[- ]vous|veuillez|délai|besoin',
    'por favor|podría|necesit\\w+|plazo',
    'per favore|potrebbe|entro|scadenza',
    'graag|kunt u|nodig',
  ].join('|'),
);
const SHOUTS = /!{2,}|\?{2,}/u;

/**
 * How long a mail can wait, by its own words and its subject. `high`: today, tomorrow, or said to be urgent. `normal`: somebody is asked for something.
 * `low`: the rest, and what says that it can wait. English, with the commonest words of six other languages.
 */
export function urgencyOf(subject: string, sentences: readonly string[]): Urgency {
  const read = [subject, ...sentences];
  if (read.some((sentence) => NOW.test(sentence) && !CAN_WAIT.test(sentence))) return 'high';
  if (read.some((sentence) => CAN_WAIT.test(sentence))) return 'low';
  const asks = read.filter((sentence) => ASKS.test(sentence) || /\?\s*$/u.test(sentence));
  if (asks.length === 0) return 'low';
  return asks.some((sentence) => SHOUTS.test(sentence)) ? 'high' : 'normal';
}
