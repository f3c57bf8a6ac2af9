/** What the writer of a mail wrote: without quoted history, signature and legal notice. */
import { CUT } from '../mail/message/limits.ts';
import { withoutHistory } from './history.ts';
import { viewOf } from './reply-view.ts';
import { withoutNotices } from './signatures.ts';

export interface OwnWords {
  /** Never empty where the mail is not. */
  text: string;
  /** The mail holds nothing but what others wrote (a bare forward, an empty reply): `text` is the whole of it. */
  onlyQuoted: boolean;
}

/** The time it takes grows with the length of the text and no faster, whatever it holds. */
export type CleanEmail = (text: string) => OwnWords;

/** Characters that are looked at: nobody writes more of his own. */
const LONGEST_READ = 100_000;

let loading: Promise<CleanEmail> | undefined;

/** Loads what cleaning takes, once. */
export function loadCleaner(): Promise<CleanEmail> {
  loading ??= createCleaner();
  return loading;
}

async function createCleaner(): Promise<CleanEmail> {
  const { default: EmailReplyParser } = await import('email-reply-parser');
  const parser = new EmailReplyParser();
  const visible = (text: string): string => parser.parseReply(text);
  return (text) => {
    const whole = text.slice(0, LONGEST_READ).replace(/\r\n?/g, '\n').trim();
    const own = ownLines(whole, visible);
    const marked = (part: string): string => (text.length > LONGEST_READ ? `${part}\n${CUT}` : part);
    if (whole === '') return { text: '', onlyQuoted: false };
    return own === '' ? { text: marked(whole), onlyQuoted: true } : { text: marked(own), onlyQuoted: false };
  };
}

function ownLines(whole: string, visible: (text: string) => string): string {
  const lines = withoutNotices(withoutHistory(whole.split('\n').map((line) => line.trimEnd())));
  const view = viewOf(lines);
  return view
    .restore(visible(view.text))
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}
