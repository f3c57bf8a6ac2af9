import { defineCommand, flag } from '../command.ts';
import type { Finding } from '../doctor/finding.ts';
import { oneLine } from '../table.ts';

export const doctor = defineCommand({
  name: 'doctor',
  summary: 'What is wrong here, and how to mend it',
  details: [
    'Looks at configuration, keys, queue, database, migrations, clocks, workers, outbox and dead letters, by the environment and .env files alone:',
    'no Hivepulse need be running. Shows no secret, changes nothing. Exit code 1 when an error is found.',
  ],
  examples: ['doctor', 'doctor --online --json'],
  options: { online: flag('also ask OpenAI whether it takes the key, which costs nothing') },
  async run(_, { online = false }, { env, clock }) {
    // Loaded here alone: it brings the queue's and the database's clients along.
    const { examine } = await import('../doctor/examine.ts');
    const findings = await examine(env, clock, { online });
    const healthy = findings.every(({ level }) => level !== 'error');
    return { data: { ok: healthy, findings }, text: describe(findings), ok: healthy };
  },
});

function describe(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const indent = ' '.repeat('warning'.length + width + 4);
  const lines = findings.map(({ check, level, message, cure }) => {
    const line = `${level.padEnd('warning'.length)}  ${check.padEnd(width)}  ${oneLine(message)}`;
    return cure === undefined ? line : `${line}\n${indent}→ ${oneLine(cure)}`;
  });
  return [...lines, '', summary(findings)].join('\n');
}

function summary(findings: readonly Finding[]): string {
  const count = (level: Finding['level']): number => findings.filter((finding) => finding.level === level).length;
  const words = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`;
  const [errors, warnings] = [count('error'), count('warning')];
  return errors + warnings === 0 ? 'All is well.' : `${words(errors, 'error')}, ${words(warnings, 'warning')}.`;
}
