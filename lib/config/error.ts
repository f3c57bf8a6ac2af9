import { HivepulseError } from '../errors.ts';

/** The environment does not make a configuration. `problems` has one sentence for each thing to mend; the message holds all of them. */
export class ConfigError extends HivepulseError {
  override readonly name: string = 'ConfigError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
    const list = problems.map((problem) => `  - ${problem}`).join('\n');
    super(`The configuration has ${count}:\n${list}\nEvery variable is explained in .env.example.`, { code: 'configuration', details: { problems } });
    this.problems = problems;
  }
}
