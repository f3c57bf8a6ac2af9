import { z } from 'zod';
import { MINUTE, SECOND } from '../clock.ts';
import type { AlertSent } from '../db/alert-types.ts';
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

/** Of all of it. */
const LONGEST_MS = MINUTE;
const SUBJECT_LENGTH = 150;

/** One mail to all of them, as plain text. Its Message-ID follows from the alert: what is sent again after a crash is the same mail. */
export function createAlertMail({ smtpUrl, from, to, timeoutMs = 15 * SECOND }: AlertMailOptions): AlertTarget {
  const domain = /@([\w.-]+)>?$/u.exec(from)?.[1] ?? 'localhost';

  async function send(letter: Letter, attempt: number): Promise<AlertSent> {
    const { default: nodemailer } = await import('nodemailer');
    const timeouts = { connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs, dnsTimeout: timeoutMs };
    const transporter = nodemailer.createTransport({ url: smtpUrl, ...timeouts, disableFileAccess: true, disableUrlAccess: true });
    try {
      await transporter.sendMail({
        from,
        to: to.map((address) => ({ name: '', address })),
        subject: `[Hivepulse] ${oneLine(letter.subject)}`,
        messageId: `<alert-${letter.id}@${domain}>`,
        headers: { 'Auto-Submitted': 'auto-generated' },
        text: `${letter.lines.join('\n')}\n`,
        signal: AbortSignal.timeout(LONGEST_MS),
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

const smtpError = z.object({ responseCode: z.number(), code: z.string() }).partial();

/** Twice is better than never: what may have been taken is sent again. */
function afterFailure(error: unknown, attempt: number): AlertSent {
  const { responseCode, code = 'unknown' } = smtpError.catch({}).parse(error);
  const said =
    responseCode === undefined ? `the mail server could not be reached or broke off (${code})` : `the mail server answered ${responseCode} (${code})`;
  // A login that is refused may be mended within the day.
  const final = code === 'EENVELOPE' || (responseCode !== undefined && responseCode >= 500 && code !== 'EAUTH');
  return final ? { outcome: 'failed', error: said } : { outcome: 'again', error: said, retryMs: retryAfter(attempt) };
}
