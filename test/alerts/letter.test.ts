import { expect, it } from 'vitest';
import { writeLetter } from '../../lib/alerts/letter.ts';
import { createAlertMail } from '../../lib/alerts/mail.ts';
import { createAlertWebhook } from '../../lib/alerts/webhook.ts';
import { ALERT_KINDS, type AlertMessage } from '../../lib/db/alert-types.ts';
import { startHook, startInbox } from '../briefs/receivers.ts';

const message = (changes: Partial<AlertMessage>): AlertMessage => ({
  id: 7,
  kind: 'job_failed',
  subject: '',
  phase: 'firing',
  level: 0,
  since: '2027-06-01T08:00:00.000Z',
  at: '2027-06-01T08:00:00.000Z',
  count: 1,
  total: 1,
  details: {},
  ...changes,
});
const letterOf = (changes: Partial<AlertMessage>) => writeLetter([message(changes)], 'https://jobs.example.com/');

it.each(ALERT_KINDS)('%s has words for its beginning and its end, in one line each, and names its page of the runbook', (kind) => {
  const [begins, ends] = [letterOf({ kind }), letterOf({ kind, phase: 'over' })];
  expect(begins?.lines.at(-1)).toBe(`Runbook: docs/operations.md#${kind.replaceAll('_', '-')}`);
  expect([begins?.subject, ends?.subject].join()).toMatch(/^Alert: [^\n]{20,}Over: [^\n]{10,}$/);
});

it('a kind of a later version is told all the same', () => {
  expect(letterOf({ kind: 'disk_full' })?.lines[0]).toBe('Alert (disk_full): There is trouble of the kind disk_full.');
});

it('what others wrote ends no line and no header, calls nobody, and is no markup', async () => {
  const details = {
    queue: 'review-ai\r\nBcc: eve@evil.example',
    name: '<!channel> @here & <https://evil.example|you>',
    error: 'No such model\u202e\u0000 "a secret"\r\nSubject: other\r\n\r\nbody',
    jobId: `job\n${'x'.repeat(5_000)}`,
  };
  const letter = letterOf({ details });
  if (letter === undefined) throw new Error('No letter');
  const [hook, inbox] = [await startHook(), await startInbox()];
  try {
    expect(await createAlertWebhook({ url: hook.url }).send(letter, 1)).toEqual({ outcome: 'sent' });
    const mail = createAlertMail({ smtpUrl: inbox.url, from: 'Hivepulse <alerts@example.com>', to: ['ops@example.com'] });
    expect(await mail.send(letter, 1)).toEqual({ outcome: 'sent' });
  } finally {
    await Promise.all([hook.stop(), inbox.stop()]);
  }
  const { text } = JSON.parse(hook.posts[0]?.body ?? '{}');
  expect(text).not.toMatch(/[<>\u202e]|@here|a secret|other/);
  expect(text).toContain('&lt;!channel&gt; @\u200bhere &amp; &lt;https');
  expect(text.length).toBeLessThan(2_000);
  const [mailed] = inbox.mails;
  expect(mailed?.to).toEqual(['ops@example.com']);
  const [head = ''] = mailed?.raw.split('\r\n\r\n') ?? [];
  expect(head).not.toMatch(/^(Bcc|Subject: other)/im);
  expect(head).toMatch(/^Message-ID: <alert-7-1@example\.com>\r$/m);
  expect(mailed?.raw).not.toContain('a secret');
});

it('a long message is cut so that it can still be posted', async () => {
  const details = { queue: 'q', name: 'n', error: '&'.repeat(2_000), jobId: '1' };
  const letter = writeLetter(
    Array.from({ length: 12 }, (_, id) => message({ id, subject: `${id}`, details })),
    'https://x',
  );
  const hook = await startHook();
  await createAlertWebhook({ url: hook.url }).send(letter ?? { id: '', subject: '', lines: [] }, 1);
  await hook.stop();
  const { text } = JSON.parse(hook.posts[0]?.body ?? '{}');
  expect(text.length).toBeLessThanOrEqual(1_901);
  expect(text).toMatch(/&amp;…$/);
});
