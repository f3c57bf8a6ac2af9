import { describe, expect, it } from 'vitest';
import { createJudge, type Verdict } from '../../../lib/analysis/cluster/judge.ts';
import { sketch } from '../../../lib/analysis/cluster/sketch.ts';
import type { Vectors } from '../../../lib/analysis/contract.ts';
import { blobs } from './rows.ts';

const all = ({ count }: Vectors) => Int32Array.from({ length: count }, (_, row) => row);
const unit = (rows: Vectors, of: Int32Array) => sketch(rows, of, 1);
const judgeOf = (rows: Vectors, places: Int32Array) => createJudge({ rows: unit(rows, all(rows)), some: unit(rows, places), places });

describe('the judge of a clustering', () => {
  const { rows, truth } = blobs(new Array<number>(6).fill(40), { dimensions: 16 });
  const right = Int32Array.from(truth);
  const clusterings = [
    { name: 'two groups in one', labels: right.map((group) => Math.min(group, 4)), k: 5 },
    { name: 'a group cut in two', labels: right.map((group, row) => (group === 0 && row % 2 === 0 ? 6 : group)), k: 7 },
    { name: 'a row in the wrong group', labels: right.map((group, row) => (row === 0 ? 1 : group)), k: 6 },
    { name: 'groups that have nothing to do with the rows', labels: right.map((_, row) => row % 6), k: 6 },
    { name: 'everything in one', labels: right.map(() => 0), k: 1 },
  ];

  it.each(clusterings)('likes the true groups better than $name, by what is linked and by what is apart', ({ labels, k }) => {
    const judge = judgeOf(rows, all(rows));
    const [best, other] = [judge(right, 6), judge(labels, k)];
    expect(best.modularity).toBeGreaterThan(other.modularity);
    expect(best.silhouette).toBeGreaterThan(other.silhouette);
  });

  it('compares the distances of some of the rows, and the links of all', () => {
    const places = all(rows).filter((row) => row % 3 === 0);
    const [some, every] = [judgeOf(rows, places), judgeOf(rows, all(rows))];
    // Wrong only among the rows whose distances are not compared.
    const wrong = right.map((group, row) => (row % 3 === 1 ? (group + 1) % 6 : group));
    expect(some(wrong, 6).silhouette).toBe(some(right, 6).silhouette);
    expect(some(wrong, 6).modularity).toBeLessThan(some(right, 6).modularity);
    expect(some(right, 6).modularity).toBe(every(right, 6).modularity);
  });

  it('says nothing for or against what has no links', () => {
    const nowhere: Vectors = { values: new Float32Array(5 * 4), count: 5, dimensions: 4 };
    const verdict: Verdict = judgeOf(nowhere, all(nowhere))(new Int32Array(5), 1);
    expect(Number.isFinite(verdict.modularity) && Number.isFinite(verdict.silhouette)).toBe(true);
  });
});
