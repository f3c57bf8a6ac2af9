import { MultiBar, Presets } from 'cli-progress';

/** How far the jobs of one kind are. */
export interface KindProgress {
  /** `parts`: jobs ended, and what the running ones have done of theirs, from 0 to the total. Without a `step` the last one stays. */
  update(parts: number, ended: number, step?: string): void;
}

export interface ProgressDisplay {
  begin(label: string, total: number): KindProgress;
  /** Gives the terminal back. Safe to call twice. */
  stop(): void;
}

/** One bar per kind, on a terminal. */
export function createBars(terminal: NodeJS.WriteStream): ProgressDisplay {
  const bars = new MultiBar(
    {
      stream: terminal,
      format: '  {label} {bar} {ended}/{total}  {step}',
      barsize: 30,
      hideCursor: true,
      // Short jobs end between two frames: the last state is drawn in any case.
      forceRedraw: true,
      linewrap: false,
      // main.ts decides what a signal does; it calls stop().
      gracefulExit: false,
    },
    Presets.shades_classic,
  );
  let stopped = false;
  return {
    begin(label, total) {
      const bar = bars.create(total, 0, { label, ended: 0, step: 'waiting' });
      return { update: (parts, ended, step) => bar.update(parts, { ended, ...(step ? { step } : {}) }) };
    },
    stop() {
      if (stopped) return;
      stopped = true;
      bars.stop();
    },
  };
}

/** A line at each quarter, for files and pipes. */
export function createLines(write: (line: string) => void): ProgressDisplay {
  return {
    begin(label, total) {
      let told = 0;
      write(`  ${label}: 0/${total}`);
      return {
        update(_parts, ended) {
          const quarter = Math.floor((4 * ended) / total);
          if (quarter === told) return;
          told = quarter;
          write(`  ${label}: ${ended}/${total}`);
        },
      };
    },
    stop: () => undefined,
  };
}
