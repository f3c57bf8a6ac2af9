import { describe, expect, it } from 'vitest';
import { ALWAYS, findByRules } from '../../../lib/documents/risks/rules.ts';
import { handMadeClauses, labelledClauses } from '../insight-support.ts';

const flagsOf = async (text: string) => [...new Set((await findByRules(text, ALWAYS)).map(({ category }) => category))].sort();

describe('the rules for changes of control and assignment', () => {
  it.each(handMadeClauses())('say $labels of: $text', async ({ labels, text }) => {
    expect(await flagsOf(text)).toEqual(labels.toSorted());
  });

  // Real clauses that nothing was tuned on; `npm run bench -- documents.quality` prints the figures.
  it.each([
    ['assignment', 0.85, 0.7],
    ['change_of_control', 0.7, 0.45],
  ] as const)('find %s in clauses of real contracts', async (label, precision, recall) => {
    const clauses = labelledClauses().filter(({ half }) => half === 'test');
    const found = await Promise.all(clauses.map(async ({ text }) => (await flagsOf(text)).includes(label)));
    const both = clauses.filter(({ labels }, index) => labels.includes(label) && found[index]).length;
    expect(both / found.filter(Boolean).length).toBeGreaterThan(precision);
    expect(both / clauses.filter(({ labels }) => labels.includes(label)).length).toBeGreaterThan(recall);
  });
});

describe('the other rules', () => {
  it.each([
    ['termination', 'The Customer may terminate this Agreement for convenience at any time upon thirty days notice.'],
    ['exclusivity', 'The Distributor shall purchase all products exclusively from the Supplier during the term.'],
    ['non_compete', 'The Seller shall not for a period of three years compete with the business of the Company.'],
    ['indemnity', 'The Seller shall indemnify the Buyer and hold it harmless from all claims of third parties.'],
    ['litigation', 'In May 2019 a former distributor filed a complaint against us seeking damages of $4 million.'],
    ['regulatory', 'In 2009 the Bank agreed to the issuance of a cease and desist order by the FDIC.'],
    ['data_protection', 'In March an unauthorized access to our network was discovered by our staff.'],
    ['ip', 'Third parties may claim that our products infringe their patents or other proprietary rights.'],
    ['employment', 'The loss of key personnel could harm our ability to develop products.'],
    ['tax', 'The Internal Revenue Service is examining our returns for the fiscal years 2017 to 2019.'],
    ['financial', 'These losses raise substantial doubt about our ability to continue as a going concern.'],
    ['customer_concentration', 'Our largest customer accounted for 38 percent of our net sales in the fiscal year.'],
    ['environmental', 'We may incur costs for the remediation of contaminated soil at our former plant.'],
    ['insurance', 'Our insurance may not be adequate to cover all losses from a fire at our plant.'],
    ['related_party', 'We lease our headquarters from a company that our principal stockholder and his family members own.'],
  ])('find %s', async (category, sentence) => {
    expect((await findByRules(sentence)).map((found) => found.category)).toContain(category);
  });

  it.each([
    'Our headquarters are in Oslo and we have three further offices.',
    'Neither the Corporation nor the Bank is engaged in any legal proceedings at the present time, which would have a material effect.',
    'We are presently not subject to any legal proceedings that could have a material impact on our business.',
    'Tax Laws and Regulations',
  ])('find nothing in: %s', async (sentence) => {
    expect(await findByRules(sentence)).toEqual([]);
  });
});
