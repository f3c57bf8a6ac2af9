import type { BriefContent } from './contract.ts';
import { localDate, localTime, longDate, longTime } from './local-time.ts';
import { plain } from './plain.ts';

/** A brief as it is shown, in whatever markup. */
export interface Framed {
  title: string;
  /** Smaller: which edition, what time it covers, what a reader should know of it. */
  lines: string[];
  lead: string;
  parts: { heading: string; sentences: string[] }[];
}

export function framed(content: BriefContent): Framed {
  const { title, deal, date, edition, timeZone, coversFrom, coversTo, headline, sections, notes } = content;
  const time = (at: string) => longTime(Date.parse(at), timeZone);
  return {
    title: `${plain(title)}: ${plain(deal)}, ${longDate(date)}`,
    lines: [`Edition ${edition}, covers ${time(coversFrom)} to ${time(coversTo)} (${timeZone})`, ...notes],
    lead: headline.text,
    parts: sections.map(({ heading, sentences }) => ({ heading, sentences: sentences.map(({ text }) => text) })),
  };
}

/** `late: was due 08:00, made 09:10`, with dates where they are not the brief's. */
export function lateNote({ dueAt, madeAt, timeZone, date }: Pick<BriefContent, 'dueAt' | 'madeAt' | 'timeZone' | 'date'>): string {
  const at = (instant: string) => {
    const ms = Date.parse(instant);
    return localDate(ms, timeZone) === date ? localTime(ms, timeZone) : longTime(ms, timeZone);
  };
  return dueAt === null ? `late: made ${at(madeAt)}` : `late: was due ${at(dueAt)}, made ${at(madeAt)}`;
}
