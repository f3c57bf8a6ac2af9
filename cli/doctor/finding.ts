export type Level = 'ok' | 'warning' | 'error';

/** One thing that was looked at. */
export interface Finding {
  /** For example `queue`. */
  check: string;
  level: Level;
  /** What there is, or what is wrong. Holds no secret. */
  message: string;
  /** How to mend it. */
  cure?: string;
}

export const ok = (check: string, message: string): Finding => ({ check, level: 'ok', message });
export const warning = (check: string, message: string, cure: string): Finding => ({ check, level: 'warning', message, cure });
export const error = (check: string, message: string, cure: string): Finding => ({ check, level: 'error', message, cure });

/** Of the parts of Hivepulse that say what is wrong and how to mend it in one message. */
export function fromParts(check: string, findings: readonly { level: 'error' | 'warning'; message: string }[]): Finding[] {
  return findings.map(({ level, message }) => ({ check, level, message }));
}
