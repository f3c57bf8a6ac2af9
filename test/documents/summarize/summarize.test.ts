import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PART_TOKENS, PARTS_AT_ONCE } from '../../../lib/documents/insight/limits.ts';
import { partsOf, textOf } from '../../../lib/documents/insight/parts.ts';
import { summarizeDocument } from '../../../lib/documents/summarize/summarize.ts';
import { summaryResult } from '../../../lib/jobs/document-processing.ts';
import { type LlmRequest, type LlmServer, startLlm } from '../../support/llm.ts';
import { documentOf, insightContext } from '../insight-support.ts';

const LEASE = documentOf(
  [
    ['# Lease', 'This lease is made between Alder Estates Ltd and Birch Foods Ltd on 3 May 2024.'],
    ['The rent is 120,000 euros a year. The tenant shall keep the premises in repair.'],
  ],
  { name: 'lease.pdf', title: 'Lease' },
);

/** Paragraphs that differ, about 85 tokens each. */
const paragraph = (number: number): string =>
  `Clause ${number} of the framework agreement names the product ${number * 7} and the price of ${number * 11} euros that the buyer shall pay to the seller within thirty days after the delivery of the goods to the warehouse in Rotterdam. `.repeat(
    2,
  );
const longDocument = (pages: number) =>
  documentOf(Array.from({ length: pages }, (_, page) => Array.from({ length: 10 }, (_, line) => paragraph(page * 10 + line))));

const answerOf = (request: LlmRequest): unknown => {
  const page = Number(/\[page (\d+)\]/u.exec(request.user)?.[1]);
  return isNotes(request)
    ? { notes: [{ note: `From page ${page}.`, page }] }
    : { summary: 'A lease of premises for food.', keyPoints: [{ point: 'The rent is 120,000 euros a year.', page: 2 }] };
};
const isNotes = ({ schema }: LlmRequest): boolean => JSON.stringify(schema).includes('"notes"');
const pagesTold = ({ user }: LlmRequest): string[] => user.match(/\[page \d+\]/gu) ?? [];

let llm: LlmServer;
beforeAll(async () => {
  llm = await startLlm();
});
beforeEach(() => {
  llm.reset();
  llm.answerWith(answerOf);
});
afterAll(() => llm?.stop());

describe('summing up a short document', () => {
  it('asks once, with the text as data and its pages marked', async () => {
    const { context, progress } = insightContext({ llm });
    const { result, changes } = await summarizeDocument(LEASE, context);
    expect(summaryResult.parse(result)).toEqual({
      documentId: LEASE.id,
      summary: 'A lease of premises for food.',
      parts: 1,
      provider: 'openai',
      model: expect.any(String),
      promptVersion: '1',
    });
    expect(changes.keyPoints).toEqual([{ point: 'The rent is 120,000 euros a year.', page: 2 }]);
    const [request, ...others] = llm.requests();
    expect(others).toEqual([]);
    expect(request?.system).not.toContain('Alder Estates');
    expect(request?.user).toMatch(/\[page 1\]\nLease\n[\s\S]*Alder Estates[\s\S]*\[page 2\]\nThe rent/u);
    expect(progress.at(-1)).toEqual({ progress: 1, total: 1, current_step: 'done' });
  });

  it('keeps no page that the document does not have', async () => {
    llm.answerWith({ summary: 'A lease.', keyPoints: [3, 0, -1, null].map((page) => ({ point: 'The rent.', page })) });
    const { changes } = await summarizeDocument(LEASE, insightContext({ llm }).context);
    expect(changes.keyPoints.map(({ page }) => page)).toEqual([null, null, null, null]);
  });

  it('answers plain text: no markup, links or hidden characters, and at most eight sentences', async () => {
    const summary = `# **A lease** [of premises](https://evil.example/x) <img src=x onerror=alert(1)>.\u202e ${'It has rent. '.repeat(20)}`;
    llm.answerWith({ summary, keyPoints: [{ point: 'Pay at http://evil.example/pay <b>now</b>.', page: 1 }] });
    const { changes } = await summarizeDocument(LEASE, insightContext({ llm }).context);
    expect(changes.summary).toBe(`A lease of premises . ${'It has rent. '.repeat(7)}`.trim());
    expect(changes.keyPoints).toEqual([{ point: 'Pay at (link) now .', page: 1 }]);
  });

  it('stops when the job was cancelled', async () => {
    const signal = AbortSignal.abort(new Error('cancelled'));
    await expect(summarizeDocument(LEASE, insightContext({ llm, signal }).context)).rejects.toThrow('cancelled');
    expect(llm.requests()).toEqual([]);
  });
});

describe('summing up a long document', () => {
  const long = longDocument(70);
  const parts = partsOf(long.chunks);

  it('cuts it into parts of whole chunks that fit, and loses nothing', () => {
    expect(parts.length).toBeGreaterThan(PARTS_AT_ONCE);
    for (const { chunks } of parts) expect(chunks.reduce((sum, { tokens }) => sum + tokens, 0)).toBeLessThanOrEqual(PART_TOKENS);
    expect(parts.flatMap(({ chunks }) => chunks)).toEqual(long.chunks);
    expect(parts.map(textOf).join('\n\n')).toBe(textOf(long));
  });

  it('takes notes of each part, a few at a time, and sums the notes up', async () => {
    const held = Array.from({ length: PARTS_AT_ONCE }, () => llm.hold());
    const { context, progress } = insightContext({ llm });
    const summarizing = summarizeDocument(long, context);
    await Promise.all(held.map(({ arrived }) => arrived));
    expect(llm.requests()).toHaveLength(PARTS_AT_ONCE);
    for (const { release } of held) release();
    const { result } = await summarizing;
    expect(result.parts).toBe(parts.length);
    const [digest] = llm.requests().filter((request) => !isNotes(request));
    expect(pagesTold(digest ?? never())).toEqual(parts.map(({ pages }) => `[page ${pages[0]}]`));
    expect(llm.requests()).toHaveLength(parts.length + 1);
    expect(progress.map(({ progress: done }) => done)).toEqual(Array.from({ length: parts.length + 2 }, (_, done) => done));
  });

  it('pays once for each part, also when it fails half-way', async () => {
    const first = insightContext({ llm });
    llm.fail(500, {}, 1);
    await expect(summarizeDocument(long, first.context)).rejects.toMatchObject({ retryable: true });
    const paid = first.ledger.stored.size;
    expect(paid).toBeGreaterThan(0);
    const before = llm.requests().length;
    await summarizeDocument(long, insightContext({ llm, ledger: first.ledger }).context);
    expect(llm.requests().length - before).toBe(parts.length + 1 - paid);
  });

  it('pays once for each part when forced, however often it is put off', async () => {
    const { ledger, context } = insightContext({ llm });
    await summarizeDocument(long, context);
    const calls = async (jobId: string) => {
      const before = llm.requests().length;
      await summarizeDocument(long, insightContext({ llm, ledger, force: true, jobId }).context);
      return llm.requests().length - before;
    };
    expect([await calls('forced'), await calls('forced'), await calls('forced again')]).toEqual([parts.length + 1, 0, parts.length + 1]);
  });

  it('takes a note of a page outside of its part for one without a page', async () => {
    llm.answerWith((request: LlmRequest) => (isNotes(request) ? { notes: [{ note: 'Elsewhere.', page: 70 }] } : answerOf(request)));
    await summarizeDocument(long, insightContext({ llm }).context);
    const [digest] = llm.requests().filter((request) => !isNotes(request));
    expect(pagesTold(digest ?? never())).toEqual(['[page 70]']);
  });

  it('condenses notes that are too many for one question', async () => {
    const note = 'A note that says a good deal about prices, goods, delivery, payment and warehouses of this framework agreement. '.repeat(4);
    llm.answerWith((request: LlmRequest) =>
      isNotes(request) ? { notes: Array.from({ length: 12 }, (_, index) => ({ note: `${index} ${note}`, page: null })) } : answerOf(request),
    );
    await summarizeDocument(longDocument(180), insightContext({ llm }).context);
    const condensing = llm.requests().filter(({ user }) => user.includes('notes, 1 of 2') || user.includes('notes, 2 of 2'));
    expect(condensing).toHaveLength(2);
    expect(
      llm
        .requests()
        .at(-1)
        ?.user.match(/A note that says/gu)?.length,
    ).toBeLessThan(200);
  });
});

describe('summing up without a model', () => {
  it('quotes whole sentences of the document, and says so', async () => {
    const text = [
      'The supplier delivers medical pumps to hospitals in eleven countries under this framework agreement.',
      'The agreement runs until 31 December 2027 and can be ended by either party with six months of notice.',
      'Prices of medical pumps are fixed for two years, after which they follow the index of producer prices.',
      'The supplier is liable for late delivery of pumps with one percent of the price for each week.',
      'Hospitals may return pumps within thirty days where they do not work as the agreement says.',
      'A steering committee of the supplier and the hospitals meets every quarter to settle disputes.',
      'Both parties keep secret what they learn about the other party for five years after the end.',
      'The agreement is governed by the laws of the Netherlands and disputes go to the court of Utrecht.',
      'Spare parts for the pumps are held in stock for at least eight years after the last delivery.',
    ];
    const document = documentOf([text.slice(0, 5), text.slice(5)]);
    const { result, changes } = await summarizeDocument(document, insightContext().context);
    expect(result).toMatchObject({ provider: 'local', parts: 1, promptVersion: expect.stringContaining('extract') });
    const [mark = '', ...rest] = result.summary.split(': ');
    expect(mark).toBe('Extract, in the words of the document');
    const sentences = rest.join(': ').split(/(?<=\.) (?:\[…\] )?/u);
    expect(sentences).toHaveLength(6);
    expect(sentences.filter((sentence) => !text.includes(sentence))).toEqual([]);
    expect(changes.keyPoints.filter(({ point, page }) => text.indexOf(point) < 0 || (text.indexOf(point) < 5 ? 1 : 2) !== page)).toEqual([]);
    expect((await summarizeDocument(document, insightContext().context)).changes).toEqual(changes);
  });

  it('says so where there are no sentences', async () => {
    const { result } = await summarizeDocument(documentOf([['10 | 20 | 30\n40 | 50 | 60']]), insightContext().context);
    expect(result.summary).toBe('The document has no whole sentences to take an extract from.');
  });
});

function never(): never {
  throw new Error('nothing was asked');
}
