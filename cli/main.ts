/** The command line: see `cli/commands/` for what it can do, `hivepulse --help` for how it is asked. */
import '../lib/config/env-files.ts';
import { systemClock } from '../lib/clock.ts';
import { run } from './run.ts';

// Whoever reads the output may stop early, as `head` does.
process.stdout.on('error', () => process.exit(0));

const code = await run(process.argv.slice(2), {
  env: process.env,
  clock: systemClock,
  input: process.stdin,
  columns: process.stdout.columns,
  out: (text) => void process.stdout.write(`${text}\n`),
  err: (text) => void process.stderr.write(`${text}\n`),
});
// Whatever a command has left open (an idle connection) must not keep the caller waiting.
process.stdout.write('', () => process.exit(code));
