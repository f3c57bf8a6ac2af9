import type { Command } from '../command.ts';
import { cancel } from './cancel.ts';
import { deadLettersGroups, deadLettersList, deadLettersShow } from './dead-letters.ts';
import { doctor } from './doctor.ts';
import { enqueue } from './enqueue.ts';
import { job } from './job.ts';
import { deadLettersReplay } from './replay.ts';
import { rotateKeys } from './rotate-keys.ts';
import { stats } from './stats.ts';

/** All there is, in the order of the help. */
export const commands: readonly Command[] = [
  stats,
  job,
  enqueue,
  cancel,
  deadLettersList,
  deadLettersGroups,
  deadLettersShow,
  deadLettersReplay,
  doctor,
  rotateKeys,
];
