import { isQueueName, queueNames } from '../../jobs/index.ts';
import { anyText, cron, flag, list, matching, milliseconds, oneOf, port, share, timeZone, url, webUrl, wholeNumber } from '../values.ts';
import { variable } from '../variable.ts';
import { allQueuesVariables } from './queues.ts';

export const apiVariables = {
  PORT: variable(port, { meaning: 'Port of the API.', default: '3000' }),
  HOST: variable(matching(/^[^\s/]+$/, 'a host name or address'), {
    meaning: 'Address the API binds to. Not set: 127.0.0.1 when embedded, else 0.0.0.0.',
  }),
  PUBLIC_URL: variable(webUrl('https://jobs.example.com'), {
    meaning: 'Where callers reach the API; used in links, OAuth callbacks and webhooks. Not set: http://localhost:PORT.',
  }),
  API_KEYS: variable(list(anyText), {
    meaning:
      'Keys of services, separated by commas, sent as Authorization: Bearer. Not set: embedded runs print a generated one, others let only users in.',
    secret: true,
  }),
  CORS_ORIGINS: variable(list(matching(/^(\*|https?:\/\/[^\s/]+)$/, 'origins such as https://app.example.com, separated by commas, or *')), {
    meaning: 'Origins of browser apps that may call the API, separated by commas; * lets all in. Not set: same origin only.',
  }),
  ADMIN_USER: variable(anyText, { meaning: 'Basic auth for people at /admin/queues and /metrics; with ADMIN_PASSWORD.' }),
  ADMIN_PASSWORD: variable(anyText, { meaning: 'See ADMIN_USER.', secret: true }),
  BODY_LIMIT_BYTES: variable(wholeNumber(1_024, 1_073_741_824), { meaning: 'Longer bodies are answered with 413.', default: '1048576' }),
  DOCUMENT_LIMIT_BYTES: variable(wholeNumber(1_024, 5_368_709_120), {
    meaning: 'Longer documents are answered with 413. Supabase Storage has a limit of its own (50 MB at first): raise both.',
    default: '104857600',
  }),
  RATE_LIMIT_PER_MINUTE: variable(wholeNumber(1, 1_000_000), {
    meaning: 'Requests per caller and minute, counted by each API process. The default lets twenty jobs be polled every 2 s.',
    default: '600',
  }),
  TRUST_PROXY: variable(flag, {
    meaning: 'Take the caller’s address from X-Forwarded-For. Only behind a proxy that sets it, else callers can choose their address.',
    default: 'false',
  }),
};

const queueList = list(
  matching(new RegExp(`^(${queueNames.join('|')})$`), `names of queues, separated by commas: ${queueNames.join(', ')}`),
).transform((names) => names.filter(isQueueName));

export const workerVariables = {
  WORKER_ID: variable(matching(/^[\w.@-]{1,100}$/, 'letters, digits, _ . @ and - (100 at most)'), {
    meaning: 'Name of this process in logs and heartbeats; each worker needs its own. Not set: random.',
  }),
  WORKER_QUEUES: variable(queueList, { meaning: 'Serve only these queues, separated by commas. Not set: all.' }),
  ...allQueuesVariables,
  WORKER_PORT: variable(wholeNumber(0, 65_535), { meaning: 'Health and metrics of a worker or scheduler process; 0 = off.', default: '0' }),
  WORKER_SILENT_AFTER_MS: variable(milliseconds(0), {
    meaning:
      'A worker that has free places and fetches nothing for so long, in ms, although jobs wait, counts as silent: it is not live any more, ends with code 70, and its supervisor starts it again. So does one whose event loop stands still for so long. Short: a slow start of Redis ends healthy workers; 0: never.',
    default: '120000',
  }),
  POLL_INTERVAL_MS: variable(milliseconds(100), {
    meaning: 'How often rows that wait in the database are looked for, in ms. Short: load on the database; long: late starts.',
    default: '5000',
    aliases: ['POLL_INTERVAL', 'POLLING_INTERVAL'],
  }),
  SWEEP_INTERVAL_MS: variable(milliseconds(1_000), {
    meaning: 'How often rows whose job has vanished, and failures nobody recorded, are looked for, in ms.',
    default: '60000',
  }),
  JOB_EXPIRY_MS: variable(milliseconds(0), {
    meaning:
      'A review job that holds credits and that nobody has touched for so long fails and gives them back, in ms. Short: jobs that waited out an outage are lost; 0: never.',
    default: '604800000',
  }),
  LOCK_DURATION_MS: variable(milliseconds(1_000), {
    meaning:
      'A job whose worker has not renewed its lock for so long is given to another, in ms. Short: healthy jobs are taken away; long: crashes are noticed late.',
    default: '30000',
  }),
  STALLED_INTERVAL_MS: variable(milliseconds(1_000), { meaning: 'How often lost locks are looked for, in ms.', default: '30000' }),
  SHUTDOWN_TIMEOUT_MS: variable(milliseconds(0), {
    meaning:
      'After SIGTERM running jobs may go on for so long, in ms; the rest is handed back uncharged. Keep it below the grace period of your platform.',
    default: '30000',
  }),
};

export const schedulerVariables = {
  SCHEDULER: variable(flag, { meaning: 'off keeps a worker from running the scheduler too. Any number may run.', default: 'on' }),
  DAILY_BRIEF_TIME: variable(cron, { meaning: 'When daily briefs are made: minute, hour, day, month, day of week.', default: '0 8 * * *' }),
  TIMEZONE: variable(timeZone, { meaning: 'Time zone of DAILY_BRIEF_TIME and of schedules without their own.', default: 'America/New_York' }),
  SCHEDULE_CATCH_UP: variable(oneOf('skip', 'one', 'all'), {
    meaning: 'What to do about runs missed while no scheduler ran: none, the last one, or all.',
    default: 'one',
  }),
  SCHEDULE_CATCH_UP_WINDOW_MS: variable(milliseconds(0), { meaning: 'Missed runs older than this are left out, in ms.', default: '43200000' }),
  BRIEF_WEBHOOK_URL: variable(webUrl('https://example.com/briefs'), {
    meaning: 'Finished briefs of deals that ask for it are posted there as JSON, each edition once; its id is the Idempotency-Key.',
    secret: true,
  }),
  BRIEF_FROM: variable(matching(/^(?:[^<>@\r\n"]+ <[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)$/, 'a sender such as Hivepulse <briefs@example.com>'), {
    meaning: 'Sender of briefs that are mailed; with SMTP_URL. Most servers want a domain of yours here.',
    default: 'Hivepulse <briefs@localhost>',
  }),
};

export const logVariables = {
  LOG_LEVEL: variable(oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'), {
    meaning: 'Least severe level that is logged.',
    default: 'info',
  }),
  LOG_FILE: variable(anyText, { meaning: 'Log to this file instead of standard output.' }),
  DEBUG_SCORING: variable(flag, { meaning: 'Log the scoring of stories at level debug, whatever LOG_LEVEL says.', default: 'false' }),
  OTEL_EXPORTER_OTLP_ENDPOINT: variable(webUrl('http://localhost:4318'), {
    meaning: 'OpenTelemetry traces are sent there (OTLP over HTTP, to /v1/traces below it). Not set: none are made.',
  }),
  OTEL_EXPORTER_OTLP_HEADERS: variable(anyText, { meaning: 'Headers of those requests as name=value,name=value: most often a key.', secret: true }),
  OTEL_SERVICE_NAME: variable(anyText, {
    meaning: 'Name of this service in traces. Not set: hivepulse-worker, hivepulse-api, hivepulse-scheduler or hivepulse.',
  }),
  OTEL_TRACES_SAMPLER_ARG: variable(share, {
    meaning: 'Share of traces that are kept, from 0 to 1; a trace is kept whole or not at all.',
    default: '1',
  }),
  ALERT_WEBHOOK_URL: variable(webUrl('https://hooks.slack.com/services/…'), {
    meaning: 'Alerts are posted there as Slack-compatible JSON.',
    secret: true,
  }),
  ALERT_EMAIL_TO: variable(list(matching(/^[^\s<>@,]+@[^\s<>@,]+$/, 'an address such as ops@example.com')), {
    meaning: 'Alerts are mailed to these addresses, separated by commas, through SMTP_URL, from BRIEF_FROM.',
  }),
  ALERT_WAITING: variable(wholeNumber(0, 1_000_000_000), {
    meaning: 'An alert when more jobs than these wait in one queue; 0: never.',
    default: '100',
  }),
  ALERT_OLDEST_MS: variable(milliseconds(0), {
    meaning: 'An alert when a job that could start has waited for longer, in ms. Short: a burst is an alert; 0: never.',
    default: '900000',
  }),
  ALERT_FAILURE_RATE: variable(share, {
    meaning:
      'An alert when of the jobs of a queue that ended within a quarter of an hour (20 at least) more than this share failed for good; 0: never.',
    default: '0.2',
  }),
  ALERT_COOL_DOWN_MS: variable(milliseconds(60_000), {
    meaning: 'While a trouble goes on it is told again after so long, in ms. Trouble that is over is told once.',
    default: '3600000',
  }),
  SMTP_URL: variable(url(['smtp:', 'smtps:'], 'smtps://user:password@mail.example.com'), {
    meaning:
      'Briefs are mailed through it, to the addresses that their deals name, and alerts to ALERT_EMAIL_TO, from BRIEF_FROM. smtps: is encrypted from the start; smtp: where the server offers it, with ?requireTLS=true or not at all.',
    secret: true,
  }),
  HIVEPULSE_ALLOW_VARIABLES: variable(list(anyText), {
    meaning: 'Names of variables, separated by commas, that look like misspelt ones of ours but belong to something else.',
  }),
};
