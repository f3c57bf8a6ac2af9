import { analysisBenches } from './analysis.ts';
import { loopBenches } from './analysis-loop.ts';
import { namingBenches } from './analysis-naming.ts';
import { qualityBenches } from './analysis-quality.ts';
import { backlogBenches } from './backlog.ts';
import { documentBenches } from './documents.ts';
import { documentQualityBenches } from './documents-quality.ts';
import { documentReadingBenches } from './documents-reading.ts';
import { emailQualityBenches } from './emails-quality.ts';
import { embeddedBenches } from './embedded.ts';
import { fairnessBenches } from './fairness.ts';
import { gmailBenches } from './gmail.ts';
import { importBenches } from './imports.ts';
import { queueBenches } from './queue.ts';
import { relayBenches } from './relay.ts';
import type { Bench, Figure } from './report.ts';
import { scaleBenches } from './scale.ts';
import { costBenches } from './scale-costs.ts';
import { sentimentBenches } from './sentiment.ts';
import { syncBenches } from './sync.ts';
import { webhookBenches } from './webhooks.ts';

const benches: Bench[] = [
  ...queueBenches,
  ...fairnessBenches,
  ...embeddedBenches,
  ...importBenches,
  ...relayBenches,
  ...sentimentBenches,
  ...emailQualityBenches,
  ...analysisBenches,
  ...loopBenches,
  ...namingBenches,
  ...qualityBenches,
  ...gmailBenches,
  ...documentBenches,
  ...documentReadingBenches,
  ...documentQualityBenches,
  ...syncBenches,
  ...webhookBenches,
  ...scaleBenches,
  ...costBenches,
  ...backlogBenches,
];

/** `npm run bench [-- NAME…] [--json]`: a name stands for all benchmarks that begin with it. */
async function main(args: readonly string[]): Promise<void> {
  const json = args.includes('--json');
  const names = args.filter((arg) => !arg.startsWith('--'));
  const chosen = benches.filter((bench) => names.length === 0 || names.some((name) => bench.name === name || bench.name.startsWith(`${name}.`)));
  if (chosen.length === 0) {
    console.error(`No benchmark is called ${names.join(', ')}. There are: ${benches.map(({ name }) => name).join(', ')}`);
    process.exitCode = 1;
    return;
  }
  for (const bench of chosen) {
    if (!json) console.log(`\n${bench.name}: ${bench.about}`);
    for (const figure of await bench.run()) console.log(json ? asJson(figure) : asText(figure));
  }
}

function asJson({ bench, value, unit, baseline, ratio, n }: Figure): string {
  return JSON.stringify({ bench, value: round(value), unit, baseline, ratio: round(ratio), n });
}

function asText({ bench, value, unit, baseline, baselineValue, ratio, n }: Figure): string {
  return `  ${bench}: ${round(value)} ${unit}; ${baseline}: ${round(baselineValue)} ${unit}; ratio ${ratio.toFixed(2)} (n = ${n})`;
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

await main(process.argv.slice(2));
