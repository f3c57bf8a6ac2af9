/** Mail servers: how a connection is opened, and what a failure says. Briefs and alerts decide for themselves what may be sent again. */
import type { Transporter } from 'nodemailer';
import { z } from 'zod';
import { MINUTE, SECOND } from './clock.ts';

/** Of all of one mail, in milliseconds. */
export const LONGEST_MAIL_MS = MINUTE;

/** Loaded with the first mail. `timeoutMs`: of a connection, a greeting, and of silence in between; default 15,000. Close it after use. */
export async function openMailServer(smtpUrl: string, timeoutMs: number = 15 * SECOND): Promise<Transporter> {
  const { default: nodemailer } = await import('nodemailer');
  const timeouts = { connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs, dnsTimeout: timeoutMs };
  return nodemailer.createTransport({ url: smtpUrl, ...timeouts, disableFileAccess: true, disableUrlAccess: true });
}

/** The part after `@` of a sender such as `Hivepulse <briefs@example.com>`, for Message-IDs. */
export const domainOf = (from: string): string => /@([\w.-]+)>?$/u.exec(from)?.[1] ?? 'localhost';

const smtpError = z.object({ responseCode: z.number(), response: z.string(), code: z.string() }).partial();

/** What a server answered (`responseCode`, `response`), or nodemailer's code where none did. `response` may hold what only the operator should see. */
export function mailFailure(error: unknown): { responseCode?: number | undefined; response: string; code: string } {
  const { responseCode, response = '', code = 'unknown' } = smtpError.catch({}).parse(error);
  return { responseCode, response, code };
}
