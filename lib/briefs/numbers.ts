/** Numbers and dates in text, spelt so that the same is found to be the same: 1,000 and 1000, two and 2, 30 November and 2026-11-30. */

export interface NumbersIn {
  /** As `12000000 usd`, `5 %`, `08:00`; a currency is also there without it. */
  numbers: ReadonlySet<string>;
  /** As they must stand elsewhere: with their unit. */
  claims: readonly string[];
  dates: readonly DateIn[];
  /** The text without its dates and figures: `;` stands for each. */
  rest: string;
}

interface DateIn {
  /** `11-30` */
  day: string;
  year: string | undefined;
}

const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const MONTH =
  '(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)';
const EDGE = '(?<![\\p{L}\\p{N}])';
const END = '(?![\\p{L}\\p{N}])';
const DATES: readonly { pattern: RegExp; read: (found: readonly string[]) => DateIn }[] = [
  {
    pattern: new RegExp(`${EDGE}(\\d{4})-(\\d\\d)-(\\d\\d)${END}`, 'giu'),
    read: ([, year, month = '', day = '']) => ({ day: `${Number(month)}-${Number(day)}`, year }),
  },
  {
    pattern: new RegExp(`${EDGE}(\\d{1,2})(?:st|nd|rd|th)?(?: of)? ${MONTH}\\.?(?:,? (\\d{4}))?${END}`, 'giu'),
    read: ([, day, month = '', year]) => ({ day: `${monthOf(month)}-${Number(day)}`, year }),
  },
  {
    pattern: new RegExp(`${EDGE}${MONTH}\\.? (\\d{1,2})(?:st|nd|rd|th)?(?:,? (\\d{4}))?${END}`, 'giu'),
    read: ([, month = '', day, year]) => ({ day: `${monthOf(month)}-${Number(day)}`, year }),
  },
];

const monthOf = (name: string): number => MONTHS.indexOf(name.slice(0, 3).toLowerCase()) + 1;

const TIMES: Readonly<Record<string, number>> = {
  k: 1e3,
  thousand: 1e3,
  m: 1e6,
  mn: 1e6,
  mio: 1e6,
  million: 1e6,
  bn: 1e9,
  billion: 1e9,
  trillion: 1e12,
};
const CURRENCIES: Readonly<Record<string, string>> = {
  $: 'usd',
  us$: 'usd',
  usd: 'usd',
  dollar: 'usd',
  dollars: 'usd',
  '€': 'eur',
  eur: 'eur',
  euro: 'eur',
  euros: 'eur',
  '£': 'gbp',
  gbp: 'gbp',
  pounds: 'gbp',
  '¥': 'jpy',
  jpy: 'jpy',
  yen: 'jpy',
  chf: 'chf',
  francs: 'chf',
};
const before = Object.keys(CURRENCIES)
  .map((word) => word.replace('$', '\\$'))
  .join('|');
const NUMBER = new RegExp(
  `(?:(${before}) ?)?(?<![\\p{L}\\p{N}_])((?<![\\p{N})]) ?[-−])?(\\d{1,3}(?:[ '’]\\d{3})+(?!\\d)|\\d+(?:[.,]\\d+)*)(?:st|nd|rd|th)?(?: ?(${Object.keys(TIMES).join('|')})s?(?![\\p{L}\\p{N}]))?(?: ?(%|per ?cent|percent)| (${before})(?![\\p{L}\\p{N}]))?(?![\\p{L}\\p{N}_])`,
  'giu',
);
const CLOCK = new RegExp(`${EDGE}\\d{1,2}:\\d{2}${END}`, 'gu');

const UNITS =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(' ');
const TENS = 'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');
const LARGE: Readonly<Record<string, number>> = { dozen: 12, hundred: 100, thousand: 1e3, million: 1e6, billion: 1e9 };
const WORD = new RegExp(
  `${EDGE}(?:(${TENS.join('|')})(?:[- ](${UNITS.slice(1, 10).join('|')}))?|(${UNITS.join('|')})|(${Object.keys(LARGE).join('|')})s?)${END}`,
  'giu',
);
/** "One of the risks", "no one": not a number of things. */
const NO_COUNT = /^one(?: of\b| another\b| or\b| is\b| was\b| that\b| which\b|['’]s\b|[.,;:]|$)/iu;

/** `text` as `straight` leaves it. */
export function numbersIn(text: string): NumbersIn {
  const dates: DateIn[] = [];
  let rest = text;
  for (const { pattern, read } of DATES) {
    rest = rest.replace(pattern, (...found) => {
      dates.push(read(found.slice(0, 4)));
      return ' ; ';
    });
  }
  const claims: string[] = [];
  rest = rest.replace(CLOCK, (found) => {
    claims.push(found.padStart(5, '0'));
    return ' ; ';
  });
  for (const found of rest.matchAll(WORD)) claims.push(...wordClaim(found, rest));
  for (const found of rest.matchAll(NUMBER)) claims.push(claimOf(found));
  rest = rest.replace(NUMBER, ' ; ').replace(/\s+/gu, ' ');
  const years = dates.flatMap(({ year }) => (year === undefined ? [] : [year]));
  return { claims, dates, rest, numbers: new Set([...claims, ...claims.map(withoutCurrency), ...years]) };
}

/** Whether each number and date of a sentence stands in what it cites. */
export function numbersStand(sentence: NumbersIn, cited: NumbersIn): boolean {
  const known = ({ day, year }: DateIn) => cited.dates.some((date) => date.day === day && (year === undefined || date.year === year));
  return sentence.claims.every((claim) => cited.numbers.has(claim)) && sentence.dates.every(known);
}

const withoutCurrency = (claim: string): string => claim.replace(/ [a-z]{3}$/u, '');

function claimOf([, prefix, sign, digits = '', times, percent, suffix]: RegExpMatchArray): string {
  const value = numberOf(digits) * (times === undefined ? 1 : (TIMES[times.toLowerCase()] ?? 1));
  const currency = CURRENCIES[(prefix ?? suffix ?? '').toLowerCase()];
  const number = `${sign === undefined ? '' : '-'}${Number(value.toPrecision(15))}`;
  if (percent !== undefined) return `${number} %`;
  return currency === undefined ? number : `${number} ${currency}`;
}

/** Both ways of grouping digits: 1,000.50 and 1.000,50. Three digits after the only mark are a group, unless nothing but 0 stands before it. */
function numberOf(digits: string): number {
  const plain = digits.replace(/[ '’]/gu, '');
  const marks = [...plain.matchAll(/[.,]/gu)].map(([mark]) => mark);
  const last = marks.at(-1);
  if (last === undefined) return Number(plain);
  const decimals = plain.slice(plain.lastIndexOf(last) + 1);
  const grouped = marks.every((mark) => mark === last) && (marks.length > 1 || (decimals.length === 3 && !/^0[.,]/u.test(plain)));
  if (grouped) return Number(plain.replace(/[.,]/gu, ''));
  return Number(`${plain.slice(0, plain.lastIndexOf(last)).replace(/[.,]/gu, '')}.${decimals}`);
}

function wordClaim(found: RegExpMatchArray, text: string): string[] {
  const [, tens, unit, single, large] = found;
  if (
    single?.toLowerCase() === 'one' &&
    (NO_COUNT.test(text.slice(found.index)) || /\b(?:no|any|every|some|each) $/iu.test(text.slice(0, found.index)))
  )
    return [];
  if (large !== undefined) return /\d ?$/u.test(text.slice(0, found.index)) ? [] : [String(LARGE[large.toLowerCase()])];
  if (single !== undefined) return [String(UNITS.indexOf(single.toLowerCase()))];
  const ten = (TENS.indexOf(tens?.toLowerCase() ?? '') + 2) * 10;
  return [String(ten + (unit === undefined ? 0 : UNITS.indexOf(unit.toLowerCase())))];
}
