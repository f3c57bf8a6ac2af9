import classifyLocally from '../lib/documents/classify/local.ts';
import { findByRules } from '../lib/documents/risks/rules.ts';
import { handMadeClauses, labelledClauses, labelledExcerpts } from '../test/documents/insight-support.ts';
import type { Bench, Figure } from './report.ts';

const BENCH = 'documents.quality';
type Label = 'change_of_control' | 'assignment';

/** A label and what was said instead of it, or in agreement with it. */
interface Pair {
  gold: string;
  said: string;
}

const accuracyOf = (pairs: readonly Pair[]): number => pairs.filter(({ gold, said }) => gold === said).length / pairs.length;

/** The mean of each class's F1, whatever its size; classes that nobody names are left out. */
function macroF1(pairs: readonly Pair[]): number {
  const classes = new Set(pairs.flatMap(({ gold, said }) => [gold, said]));
  const scores = [...classes].map((name) => {
    const right = pairs.filter(({ gold, said }) => gold === name && said === name).length;
    const named = pairs.filter(({ gold, said }) => gold === name || said === name).length;
    return (2 * right) / (named + right);
  });
  return scores.reduce((sum, score) => sum + score, 0) / scores.length;
}

function mostFrequent(labels: readonly string[]): string {
  const counts = Map.groupBy(labels, (label) => label);
  return [...counts].sort(([, one], [, other]) => other.length - one.length)[0]?.[0] ?? '';
}

/** Of the class that is most frequent on the tuning half, for every text of the other. */
async function classification(): Promise<Figure[]> {
  const excerpts = labelledExcerpts();
  const majority = mostFrequent(excerpts.filter(({ half }) => half === 'dev').map(({ workstream }) => workstream));
  const test = excerpts.filter(({ half }) => half === 'test');
  const said = await Promise.all(test.map(async ({ text }) => sayWorkstream(await classifyLocally({ beginning: text }))));
  const ours = test.map(({ workstream }, index) => ({ gold: workstream, said: said[index] ?? '' }));
  const baseline = test.map(({ workstream }) => ({ gold: workstream, said: majority }));
  return [
    figureOf('classify.accuracy', accuracyOf(ours), `always "${majority}"`, accuracyOf(baseline), test.length),
    figureOf('classify.macro_f1', macroF1(ours), `always "${majority}"`, macroF1(baseline), test.length),
  ];
}

function sayWorkstream(answer: unknown): string {
  return typeof answer === 'object' && answer !== null && 'workstream' in answer ? String(answer.workstream) : '';
}

interface Clause {
  labels: readonly Label[];
  text: string;
}

/** What a reader with a search box would do. */
const KEYWORDS: Readonly<Record<Label, RegExp>> = { change_of_control: /change (?:of|in) control/iu, assignment: /\bassign/iu };

async function rules(set: string, clauses: readonly Clause[], label: Label): Promise<Figure[]> {
  const gold = clauses.map(({ labels }) => labels.includes(label));
  const ours = await Promise.all(clauses.map(async ({ text }) => (await findByRules(text, new Set([label]))).length > 0));
  const keyword = clauses.map(({ text }) => KEYWORDS[label].test(text));
  const [mine, theirs] = [measured(gold, ours), measured(gold, keyword)];
  const baseline = `the words ${KEYWORDS[label].source}`;
  return (['precision', 'recall', 'f1'] as const).map((metric) =>
    figureOf(`${label}.${set}.${metric}`, mine[metric], baseline, theirs[metric], clauses.length),
  );
}

function measured(gold: readonly boolean[], said: readonly boolean[]) {
  const both = gold.filter((is, index) => is && said[index]).length;
  const precision = both / Math.max(1, said.filter(Boolean).length);
  const recall = both / Math.max(1, gold.filter(Boolean).length);
  return { precision, recall, f1: both === 0 ? 0 : (2 * precision * recall) / (precision + recall) };
}

function figureOf(name: string, value: number, baseline: string, baselineValue: number, n: number): Figure {
  return { bench: `${BENCH}.${name}`, value, unit: 'of 1', baseline, baselineValue, ratio: value / baselineValue, n };
}

async function run(): Promise<Figure[]> {
  const contracts = labelledClauses().filter(({ half }) => half === 'test');
  const sets = [
    ['contracts', contracts],
    ['hand_made', handMadeClauses()],
  ] as const;
  const labels: readonly Label[] = ['change_of_control', 'assignment'];
  const figures = await Promise.all(sets.flatMap(([set, clauses]) => labels.map((label) => rules(set, clauses, label))));
  return [...(await classification()), ...figures.flat()];
}

export const documentQualityBenches: Bench[] = [
  {
    name: BENCH,
    about:
      'the local classifier on real excerpts (nine workstreams), and the local rules for changes of control and assignment on clauses of real contracts that lawyers labelled (CUAD); nothing was tuned on these halves. The hand-made list holds look-alikes, definitions and negations, and was tuned on: it guards against steps back',
    run,
  },
];
