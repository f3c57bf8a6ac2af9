import { Transform } from 'node:stream';
import { finished } from 'node:stream/promises';
import { z } from 'zod';
import type { ClaimedDelivery } from '../db/brief-types.ts';
import { domainOf, LONGEST_MAIL_MS, mailFailure, openMailServer } from '../smtp.ts';
import type { Sent } from './deliver.ts';
import { longDate } from './local-time.ts';
import { clip, plain } from './plain.ts';

export interface MailSettings {
  /** `SMTP_URL`: `smtps:` is encrypted from the start, `smtp:` as soon as the server offers it (with `?requireTLS=true` or not at all). */
  smtpUrl: string;
  /** `BRIEF_FROM` */
  from: string;
  /** Of a connection, a greeting, and of silence in between, in milliseconds. Default 15,000. */
  timeoutMs?: number;
}

/** What every server takes as one address; anything else could become two, or a header. */
const ADDRESS = /^[^\s@<>(),;:"\\[\]]{1,64}@[^\s@<>(),;:"\\[\]]{1,255}$/u;
const titled = z.object({ title: z.string() });

/**
 * One mail to one address, with the brief as text and as HTML. Its Message-ID follows from the edition. What failed before the server had the whole message may be
 * sent again; silence after that may mean that it was taken.
 */
export async function sendMail(delivery: ClaimedDelivery, address: string, { smtpUrl, from, timeoutMs }: MailSettings): Promise<Sent> {
  if (!ADDRESS.test(address)) return { outcome: 'failed', error: 'not an e-mail address' };
  const transporter = await openMailServer(smtpUrl, timeoutMs);
  const message = { handedOver: false };
  transporter.use('stream', (mail, done) => {
    mail.message.processFunc((input) => input.pipe(noting(message)));
    done();
  });
  try {
    await transporter.sendMail({ from, to: { name: '', address }, ...mailOf(delivery, from), signal: AbortSignal.timeout(LONGEST_MAIL_MS) });
    return { outcome: 'sent' };
  } catch (error) {
    return afterFailure(error, message.handedOver);
  } finally {
    transporter.close();
  }
}

/** Knows when the last of a message has gone to the server. */
function noting(message: { handedOver: boolean }): Transform {
  const passing = new Transform({ transform: (chunk, _encoding, done) => done(null, chunk) });
  finished(passing).then(
    () => {
      message.handedOver = true;
    },
    () => undefined,
  );
  return passing;
}

function mailOf({ editionId, deal, date, edition, content, markdown, html }: ClaimedDelivery, from: string) {
  const { title } = titled.catch({ title: 'Daily brief' }).parse(content);
  const later = edition > 1 ? ` (edition ${edition})` : '';
  return {
    subject: `${clip(plain(`${title}: ${deal}`), 150)}, ${longDate(date)}${later}`,
    messageId: `<brief-${editionId}@${domainOf(from)}>`,
    headers: { 'Auto-Submitted': 'auto-generated' },
    text: markdown,
    html,
  };
}

function afterFailure(error: unknown, handedOver: boolean): Sent {
  const { responseCode, response, code } = mailFailure(error);
  if (responseCode !== undefined) {
    // What a server says of a login is not for the members of a deal.
    const said = code === 'EAUTH' ? `the mail server refused the login (${responseCode})` : `the mail server answered: ${clip(plain(response), 200)}`;
    return { outcome: responseCode < 500 ? 'again' : 'failed', error: said };
  }
  if (code === 'EENVELOPE') return { outcome: 'failed', error: 'the mail server takes no such address' };
  if (handedOver) return { outcome: 'failed', error: 'unknown: the mail server fell silent after it had the message; it may have gone out' };
  return { outcome: 'again', error: `the mail server could not be reached or broke off (${code})` };
}
