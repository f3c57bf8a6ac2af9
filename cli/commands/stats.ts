import { defineCommand } from '../command.ts';
import { table } from '../table.ts';

const STATES = ['waiting', 'active', 'delayed', 'completed', 'failed'] as const;

export const stats = defineCommand({
  name: 'stats',
  summary: 'Jobs of every queue by their state',
  details: ['Completed and failed jobs are those that the queue still keeps; all that failed for good: hivepulse dead-letters list.'],
  examples: ['stats', 'stats --json'],
  async run(_, __, { api, columns }) {
    const counts = await (await api()).stats();
    const rows = Object.entries(counts).map(([queue, count]) => [
      queue,
      ...STATES.map((state) => String(count[state])),
      count.paused ? 'paused' : '',
    ]);
    return { data: counts, text: table(['queue', ...STATES, ''], rows, { numeric: [1, 2, 3, 4, 5], width: columns }) };
  },
});
