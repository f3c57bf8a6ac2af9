/** One metric as Prometheus reads it: all its series together. */
export interface Family {
  name: string;
  type: string;
  help: string;
  /** Without those that belong to its type (`le`, `quantile`): each label with the values seen. */
  labels: Map<string, Set<string>>;
}

/** Parses Prometheus' text format, of several processes at once. */
export function parseExposition(texts: readonly string[]): Map<string, Family> {
  const families = new Map<string, Family>();
  for (const line of texts.flatMap((text) => text.split('\n'))) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind) {
      const family = families.get(name) ?? { name, type: '', help: '', labels: new Map() };
      families.set(name, kind === 'HELP' ? { ...family, help: rest } : { ...family, type: rest });
    } else if (line !== '' && !line.startsWith('#')) addSample(line, families);
  }
  return families;
}

/** Where a series of this name belongs: histograms have three. */
export function familyOf(metric: string, families: ReadonlyMap<string, Family>): Family | undefined {
  const base = metric.replace(/_(?:bucket|sum|count)$/, '');
  const found = families.get(metric) ?? families.get(base);
  return found && (found.name === metric || found.type === 'histogram' || found.type === 'summary') ? found : undefined;
}

function addSample(line: string, families: ReadonlyMap<string, Family>): void {
  const [, metric = '', inner = ''] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
  const family = familyOf(metric, families);
  if (!family) throw new Error(`A sample of no family: ${line}`);
  for (const [, label = '', value = ''] of inner.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
    if (label === 'le' || label === 'quantile') continue;
    const values = family.labels.get(label) ?? new Set();
    family.labels.set(label, values.add(value));
  }
}
