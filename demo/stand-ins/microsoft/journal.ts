/** What was asked, for tests and benchmarks. */
import type { MicrosoftCall, MicrosoftStandIn } from './contract.ts';
import type { Call } from './http.ts';

export interface WritableJournal {
  readonly public: MicrosoftStandIn['journal'];
  note(method: string, status: number, call: Call): void;
}

/** These may be told; all others may hold tokens. */
const TOLD = new Set(['$select', '$top', '$skip', '$filter', '$orderby', '$expand', 'search', 'changetype', 'includehiddenfolders']);

export function createJournal(): WritableJournal {
  let entries: MicrosoftCall[] = [];
  const count = (method: string): number => entries.filter((entry) => entry.method === method).length;
  return {
    public: {
      get entries() {
        return entries;
      },
      count,
      clear() {
        entries = [];
      },
    },
    note(method, status, call) {
      entries.push({ method, status, path: pathOf(call) });
    },
  };
}

function pathOf({ path, query }: Call): string {
  const told = [...query].filter(([name]) => TOLD.has(name.toLowerCase())).map(([name, value]) => `${name}=${value}`);
  const plain = path.replace(/\(token='[^']*'\)/i, '').replace(/^\/download\/.*/, '/download');
  return told.length > 0 ? `${plain}?${told.join('&')}` : plain;
}
