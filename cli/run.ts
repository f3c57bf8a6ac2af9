import { connectApi } from './api.ts';
import type { Command, Context, Outcome, Terminal } from './command.ts';
import { commands } from './commands/index.ts';
import { findConnection } from './connect.ts';
import { errorObject, explain, UsageError } from './errors.ts';
import { findCommand, parse } from './parse.ts';
import { printable } from './table.ts';
import { overview, usageOf } from './usage.ts';

const DONE = 0;
const FAILED = 1;
const WRONG_USAGE = 2;

/** Runs one command line; resolves to the exit code, never rejects. */
export async function run(words: readonly string[], terminal: Terminal): Promise<number> {
  const json = words.includes('--json');
  try {
    const asked = helpFor(words);
    if (asked !== undefined) return say(terminal, asked);
    if (words.every((word) => word === '--json')) throw new UsageError('Which command?');
    const { command, rest } = findCommand(words, commands);
    const given = parse(command, rest, terminal.clock.now());
    if (given.help) return say(terminal, usageOf(command));
    return report(await command.run(given.arguments, given.options, contextOf(terminal, json)), terminal, json);
  } catch (error) {
    return fail(error, words, terminal, json);
  }
}

/** What `hivepulse --help`, `hivepulse help …` and `hivepulse <group> --help` show; undefined for any other line. */
function helpFor(words: readonly string[]): string | undefined {
  const named = words.filter((word) => !word.startsWith('-'));
  const asks = words.includes('--help') || words.includes('-h') || named[0] === 'help';
  if (!asks) return undefined;
  const topic = (named[0] === 'help' ? named.slice(1) : named).join(' ');
  const exact = commands.find(({ name }) => name === topic || topic.startsWith(`${name} `));
  if (exact) return usageOf(exact);
  const isGroup = commands.some(({ name }) => name.startsWith(`${topic} `));
  if (topic === '' || isGroup) return overview(commands, topic);
  return findCommand(topic.split(' '), commands) && undefined;
}

function contextOf(terminal: Terminal, json: boolean): Context {
  return { ...terminal, json, api: async () => connectApi(await findConnection(terminal.env)) };
}

function say(terminal: Terminal, text: string): number {
  terminal.out(text);
  return DONE;
}

function report({ data, text, ok = true }: Outcome, terminal: Terminal, json: boolean): number {
  terminal.out(json ? JSON.stringify(data) : text);
  return ok ? DONE : FAILED;
}

function fail(error: unknown, words: readonly string[], terminal: Terminal, json: boolean): number {
  const usage = error instanceof UsageError;
  const hint = usage && !json ? hintFor(words) : '';
  terminal.err(json ? JSON.stringify(errorObject(error)) : `hivepulse: ${printable(explain(error))}${hint}`);
  return usage ? WRONG_USAGE : FAILED;
}

/** Where the right usage stands. */
function hintFor(words: readonly string[]): string {
  const command: Command | undefined = commands.find(({ name }) => words.join(' ').startsWith(name));
  return ` (hivepulse ${command ? `${command.name} ` : ''}--help)`;
}
