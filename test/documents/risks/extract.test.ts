import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadPrompt } from '../../../lib/ai/prompts.ts';
import { RISK_CATEGORIES } from '../../../lib/documents/risks/categories.ts';
import { extractRisks } from '../../../lib/documents/risks/extract.ts';
import { risksResult } from '../../../lib/jobs/document-processing.ts';
import { type LlmServer, startLlm } from '../../support/llm.ts';
import { documentOf, insightContext, ofChunks } from '../insight-support.ts';

const ASSIGNMENT = 'Neither party may assign this Agreement without the prior written consent of the other party.';
const CONTROL = 'The Customer may terminate this Agreement if the Supplier undergoes a change of control.';
const FINE = 'The Supplier pays a fine of 10,000 euros for each day of delay, without any limit.';
const chunkOf = (page: number, section: string, ...lines: string[]) => ({
  text: lines.join('\n\n'),
  kind: 'text' as const,
  section: [section],
  spans: [{ page, start: 0 }],
  tokens: 60,
});
const SUPPLY = ofChunks([
  chunkOf(1, '1. Delivery', 'The Supplier delivers pumps within thirty days after each order of the Customer.', FINE),
  chunkOf(2, '2. General', ASSIGNMENT, 'This Agreement is governed by the laws of Ireland.'),
]);
const WITH_CONTROL = documentOf([['# 3. Term', CONTROL]]);

const risk = (quote: string, changes: object = {}) => ({ category: 'liability_cap', severity: 'high', explanation: 'It costs.', quote, ...changes });
const found = async (document = SUPPLY) => (await extractRisks(document, insightContext({ llm }).context)).changes.risks;

let llm: LlmServer;
beforeAll(async () => {
  llm = await startLlm();
});
beforeEach(() => llm.reset());
afterAll(() => llm?.stop());

describe('risks that a model finds', () => {
  it('have the passage as it stands in the document, with its page and section', async () => {
    llm.answerWith({ risks: [risk('the Supplier pays a fine of 10,000 euros\n for each day of delay')] });
    const { context, progress } = insightContext({ llm });
    const { result, changes } = await extractRisks(SUPPLY, context);
    expect(risksResult.parse(result)).toMatchObject({ documentId: SUPPLY.id, risks: 2, dropped: 0, provider: 'openai', promptVersion: '1' });
    expect(changes.risks[0]).toEqual({
      key: expect.stringMatching(/^[0-9a-f]{32}$/u),
      category: 'liability_cap',
      severity: 'high',
      explanation: 'It costs.',
      quote: 'The Supplier pays a fine of 10,000 euros for each day of delay',
      page: 1,
      section: ['1. Delivery'],
    });
    expect(changes).toMatchObject({ model: result.model, promptVersion: '1' });
    expect(progress.at(-1)).toEqual({ progress: 1, total: 1, current_step: 'looking for risks' });
  });

  it('are dropped and counted where the passage does not stand there', async () => {
    llm.answerWith({ risks: [risk('The Supplier pays a fine of 20,000 euros'), risk('fine'), risk(FINE)] });
    const { result } = await extractRisks(SUPPLY, insightContext({ llm }).context);
    expect(result).toMatchObject({ dropped: 2, risks: 2 });
  });

  it('may be quoted over the end of a page', async () => {
    const document = documentOf([['The fine for each day of delay is'], ['ten thousand euros without any limit.']]);
    llm.answerWith({ risks: [risk('for each day of delay is\n[page 2]\nten thousand euros')] });
    expect(await found(document)).toMatchObject([{ page: 1, quote: expect.stringMatching(/delay is\s+ten thousand/u) }]);
  });

  it('are one where they overlap in the same category, the more severe one', async () => {
    llm.answerWith({
      risks: [risk(FINE, { severity: 'medium' }), risk(FINE.slice(0, 44), { severity: 'critical' }), risk(FINE, { category: 'financial' })],
    });
    const kinds = (await found()).map(({ category, severity }) => `${category} ${severity}`);
    expect(kinds).toEqual(['liability_cap critical', 'financial high', 'assignment medium']);
  });

  it('keep their key when the document is looked through again, however the words are set', async () => {
    llm.answerWith({ risks: [risk(FINE)] });
    const [first] = await found();
    llm.answerWith({ risks: [risk(FINE.replaceAll(' ', '  '), { severity: 'low', explanation: 'Other words.' })] });
    const again = await found(documentOf([[`“${FINE.replace(' pays', '\npays')}”`]]));
    expect(again.find(({ category }) => category === 'liability_cap')?.key).toBe(first?.key);
  });

  it('are at most 200, the most severe first', async () => {
    const sentences = Array.from({ length: 230 }, (_, index) => `Penalty number ${index} of the schedule amounts to ${index * 3 + 1} euros.`);
    const severities = ['low', 'medium', 'high', 'critical'];
    llm.answerWith({ risks: sentences.map((quote, index) => risk(quote, { severity: severities[index % 4] })) });
    const { context, lines } = insightContext({ llm });
    const { changes } = await extractRisks(documentOf([sentences]), context);
    const order = changes.risks.map(({ severity }) => severities.indexOf(severity));
    expect(order).toHaveLength(200);
    expect(order).toEqual(order.toSorted((one, other) => other - one));
    expect(lines).toEqual([[expect.objectContaining({ event: 'document.risks', kept: 200, leftOut: 30 }), expect.any(String)]]);
    expect(JSON.stringify(lines)).not.toContain('Penalty');
  });

  it('have no other category or severity than the closed lists', async () => {
    llm.answerWith({ risks: [risk(FINE, { category: 'approve_payment', severity: 'none' })] });
    await expect(found()).rejects.toMatchObject({ code: 'invalid_answer', retryable: false });
  });

  it('are explained in at most two sentences of plain text', async () => {
    const explanation = `**Urgent:** wire the price to [our bank](https://evil.example). <script>alert(1)</script> ${'Do it now. '.repeat(200)}`;
    llm.answerWith({ risks: [risk(FINE, { explanation })] });
    expect((await found())[0]?.explanation).toBe('Urgent: wire the price to our bank. alert(1) Do it now. Do it now.');
  });
});

describe('changes of control and bans on assignment', () => {
  it('are added where the model has missed them, and said to be found by rules', async () => {
    llm.answerWith({ risks: [] });
    expect(await found()).toMatchObject([
      {
        category: 'assignment',
        quote: ASSIGNMENT,
        page: 2,
        section: ['2. General'],
        explanation: expect.stringMatching(/^Found by word rules: /u),
      },
    ]);
    expect(await found(WITH_CONTROL)).toMatchObject([{ category: 'change_of_control', severity: 'high' }]);
  });

  it('are not added twice', async () => {
    llm.answerWith({ risks: [risk(ASSIGNMENT.slice(8), { category: 'assignment', severity: 'low', explanation: 'By the model.' })] });
    expect(await found()).toMatchObject([{ category: 'assignment', explanation: 'By the model.' }]);
  });

  it('are added also where the model has named the passage otherwise', async () => {
    llm.answerWith({ risks: [risk(CONTROL, { category: 'termination' })] });
    expect((await found(WITH_CONTROL)).map(({ category }) => category)).toEqual(['termination', 'change_of_control']);
  });
});

describe('risks that rules find', () => {
  it('quote whole sentences', async () => {
    const { result, changes } = await extractRisks(SUPPLY, insightContext().context);
    expect(result).toMatchObject({ provider: 'local', dropped: 0, promptVersion: expect.stringContaining('risk rules') });
    expect(changes.risks).toMatchObject([{ category: 'assignment', quote: expect.stringContaining('Neither party may assign') }]);
  });
});

it('names every category in the prompt', async () => {
  const { instructions } = await loadPrompt('document-risks');
  expect(RISK_CATEGORIES.filter((category) => !instructions.includes(`\`${category}\``))).toEqual([]);
});
