import { parser } from '@prometheus-io/lezer-promql';

type Node = ReturnType<typeof parser.parse>['topNode'];

/** One metric that an expression reads. */
export interface Selector {
  metric: string;
  matchers: { label: string; operator: string; value: string }[];
  /** Labels that the expression puts the metric's series together or matches them by. */
  groupedBy: string[];
}

/** What Grafana puts in before it asks. */
const withoutVariables = (expr: string): string => expr.replaceAll(/\$__(?:rate_interval|interval|range)/g, '5m');

/** Throws on what is no PromQL, naming the place. */
export function selectorsOf(given: string): Selector[] {
  const expr = withoutVariables(given);
  const textOf = ({ from, to }: Node): string => expr.slice(from, to);
  const selectors: Selector[] = [];
  parser.parse(expr).iterate({
    enter: ({ type, from, node }) => {
      if (type.isError) throw new SyntaxError(`"${given}" is no PromQL at "${expr.slice(from, from + 20)}"`);
      if (type.name !== 'VectorSelector') return;
      const metric = node.getChild('Identifier');
      const matchers = (node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []).map((matcher) => ({
        label: textOfChild(matcher, 'LabelName', textOf),
        operator: textOfChild(matcher, 'MatchOp', textOf),
        value: textOfChild(matcher, 'StringLiteral', textOf).slice(1, -1),
      }));
      selectors.push({ metric: metric ? textOf(metric) : '', matchers, groupedBy: groupingsAbove(node, textOf) });
    },
  });
  return selectors;
}

function textOfChild(node: Node, name: string, textOf: (node: Node) => string): string {
  const child = node.getChild(name);
  return child ? textOf(child) : '';
}

/** Of `by`, `on` and `ignoring` of all that stands around a node. */
function groupingsAbove(node: Node, textOf: (node: Node) => string): string[] {
  const labels: string[] = [];
  for (let at = node.parent; at; at = at.parent) {
    const clauses = [...at.getChildren('AggregateModifier'), ...at.getChildren('MatchingModifierClause')];
    for (const clause of clauses)
      for (const grouping of clause.getChildren('GroupingLabels')) labels.push(...grouping.getChildren('LabelName').map(textOf));
  }
  return labels;
}
