import type { Command, Option } from './command.ts';
import { argumentNames } from './parse.ts';
import { columns } from './table.ts';

const EVERYWHERE: readonly [string, string][] = [
  ['--json', 'print one JSON object'],
  ['-h, --help', 'this text'],
];

/** The help of all commands, or of those that begin with `group`. */
export function overview(commands: readonly Command[], group = ''): string {
  const shown = commands.filter(({ name }) => name === group || group === '' || name.startsWith(`${group} `));
  const rows = shown.map((command) => [`  hivepulse ${heading(command)}`, command.summary]);
  const options = EVERYWHERE.map(([name, meaning]) => [`  ${name}`, meaning]);
  return [
    'Usage:',
    columns(rows),
    '',
    'Everywhere:',
    columns(options),
    '',
    'hivepulse <command> --help says more. All but doctor and rotate-keys ask the API at HIVEPULSE_URL, with HIVEPULSE_API_KEY;',
    'with neither set, the one that runs on the data folder here. Exit codes: 0 done, 1 failed, 2 wrong usage.',
  ].join('\n');
}

/** All about one command. */
export function usageOf(command: Command): string {
  const options = Object.entries(command.options).map(([name, declared]) => [`  ${optionName(name, declared)}`, declared.meaning]);
  const given = Object.entries(command.arguments).map(([name, { meaning }]) => [`  ${name}`, meaning]);
  const table = [...given, ...options, ...EVERYWHERE.map(([name, meaning]) => [`  ${name}`, meaning])];
  const examples = command.examples.length > 0 ? ['', 'Examples:', ...command.examples.map((example) => `  hivepulse ${example}`)] : [];
  return [`Usage: hivepulse ${heading(command)}`, '', `${command.summary}.`, ...command.details, '', columns(table), ...examples].join('\n');
}

function heading({ name, arguments: declared, options }: Command): string {
  return [name, argumentNames(declared), Object.keys(options).length > 0 ? '[options]' : ''].filter(Boolean).join(' ');
}

function optionName(name: string, { reader }: Option<unknown>): string {
  return reader === undefined ? `--${name}` : `--${name} <${reader.placeholder}>`;
}
