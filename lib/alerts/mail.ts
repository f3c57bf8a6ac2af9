import type { AlertSent } from '../db/alert-types.ts';
import { domainOf, LONGEST_MAIL_MS, mailFailure, openMailServer } from '../smtp.ts';
import type { AlertTarget } from './contract.ts';
import type { Letter } from './letter.ts';
import { retryAfter } from './retry.ts';

export interface AlertMailOptions {
  /** `SMTP_URL`; a secret. */
  smtpUrl: string;
  /** `BRIEF_FROM` */
  from: string;
  /** `ALERT_EMAIL_TO` */
  to: readonly string[];
  /** Of a connection, a greeting, and of silence in between, in milliseconds. Default 15,000. */
  timeoutMs?: number;
}

const SUBJECT_LENGTH = 150;

/** One mail to all of them, as plain text. Its Message-ID follows from the alert: what is sent again after a crash is the same mail. */
export function createAlertMail({ smtpUrl, from, to, timeoutMs }: AlertMailOptions): AlertTarget {
  async function send(letter: Letter, attempt: number): Promise<AlertSent> {
    const transporter = await openMailServer(smtpUrl, timeoutMs);
    try {
      await transporter.sendMail({
        from,
        to: to.map((address) => ({ name: '', address })),
        subject: `[Hivepulse] ${oneLine(letter.subject)}`,
        messageId: `<alert-${letter.id}@${domainOf(from)}>`,
        headers: { 'Auto-Submitted': 'auto-generated' },
        text: `${letter.lines.join('\n')}\n`,
        signal: AbortSignal.timeout(LONGEST_MAIL_MS),
      });
      return { outcome: 'sent' };
    } catch (error) {
      return afterFailure(error, attempt);
    } finally {
      transporter.close();
    }
  }

  return { name: 'mail', send };
}

function oneLine(subject: string): string {
  const line = [...subject.replace(/[\s\p{C}]+/gu, ' ')];
  return line.length <= SUBJECT_LENGTH ? line.join('') : `${line.slice(0, SUBJECT_LENGTH - 1).join('')}…`;
}

/** Twice is better than never: what may have been taken is sent again. */
function afterFailure(error: unknown, attempt: number): AlertSent {
  const { responseCode, code } = mailFailure(error);
  const said =
    responseCode === undefined ? `the mail server could not be reached or broke off (${code})` : `the mail server answered ${responseCode} (${code})`;
  // A login that is refused may be mended within the day.
  const final = code === 'EENVELOPE' || (responseCode !== undefined && responseCode >= 500 && code !== 'EAUTH');
  return final ? { outcome: 'failed', error: said } : { outcome: 'again', error: said, retryMs: retryAfter(attempt) };
}
