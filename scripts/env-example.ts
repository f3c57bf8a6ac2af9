import { writeFile } from 'node:fs/promises';
import { type About, aboutOf } from '../lib/config/variable.ts';
import { groups } from '../lib/config/variables/index.ts';
import { queueDefault, queueSettingNames, queueSettings, queueVariable } from '../lib/config/variables/queues.ts';
import { queueNames } from '../lib/jobs/index.ts';

// Writes `.env.example` from the schema: node scripts/env-example.ts

const WIDTH = 120;

const HEAD = `Every variable of Hivepulse with its default; uncomment what you change. Nothing is needed to try it out: without a queue and a database everything runs embedded, and without a key the local provider does the work. Those marked (secret) may also come from a file: NAME_FILE=/run/secrets/name. A name that looks like a misspelt one, and a value that does not fit, stop the process with all problems in one message.`;

const QUEUES_HEAD = `Each queue has its own numbers; they win over WORKER_CONCURRENCY, WORKER_MAX_ATTEMPTS, MAX_RETRIES, WORKER_BACKOFF_DELAY, FAIRNESS and AI_PROVIDER above. Attempts, backoff, retention and fairness are read where a job is added, so set them for apps that import the helpers too; the rest is read in the worker.`;

export function renderEnvExample(): string {
  const sections = groups.map(({ title, variables }) =>
    section(
      title,
      Object.entries(variables).map(([name, type]) => entry(name, aboutOf(type))),
    ),
  );
  const queues = section('Single queues', [comment(QUEUES_HEAD), ...meaningsOfQueueSettings(), ...queueNames.map(queueEntries)]);
  return `${[comment(HEAD), ...sections, queues].join('\n\n')}\n`;
}

function section(title: string, entries: readonly string[]): string {
  return [`# ${`---- ${title} `.padEnd(WIDTH - 2, '-')}`, ...entries].join('\n\n');
}

function entry(name: string, about: About): string {
  const notes = [
    about.secret ? '(secret)' : '',
    about.file ? `(or ${name}_FILE)` : '',
    about.aliases ? `(also read as ${about.aliases.join(', ')})` : '',
  ].filter((note) => note !== '');
  return `${comment([about.meaning, ...notes].join(' '))}\n${line(name, about.default)}`;
}

function meaningsOfQueueSettings(): string[] {
  return [queueSettingNames.map((setting) => comment(`<QUEUE>_${setting}: ${aboutOf(queueSettings.shape[setting]).meaning}`)).join('\n')];
}

function queueEntries(queue: (typeof queueNames)[number]): string {
  return queueSettingNames.map((setting) => line(queueVariable(queue, setting), queueDefault(queue, setting))).join('\n');
}

function line(name: string, value = ''): string {
  return `# ${name}=${value.includes(' ') ? `"${value}"` : value}`;
}

function comment(text: string): string {
  const lines: string[] = [];
  let current = '#';
  for (const word of text.split(' ')) {
    if (current.length + word.length + 1 > WIDTH) {
      lines.push(current);
      current = '#';
    }
    current += ` ${word}`;
  }
  return [...lines, current].join('\n');
}

if (import.meta.main) await writeFile(new URL('../.env.example', import.meta.url), renderEnvExample());
