import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadPrompt } from '../../../lib/ai/prompts.ts';
import { classifyDocument } from '../../../lib/documents/classify/classify.ts';
import { DOCUMENT_TYPES, WORKSTREAM_MEANINGS } from '../../../lib/documents/classify/types.ts';
import { classResult } from '../../../lib/jobs/document-processing.ts';
import { type LlmServer, startLlm } from '../../support/llm.ts';
import { documentOf, insightContext, labelledExcerpts, ofChunks } from '../insight-support.ts';

const filler = (page: number): string => `On page ${page} the parties describe the delivery of goods to the warehouse in some detail. `.repeat(12);
const LONG = ofChunks(
  Array.from({ length: 60 }, (_, index) => ({
    text: filler(index + 1),
    kind: 'text' as const,
    section: [`Heading ${index + 1}`],
    spans: [{ page: index + 1, start: 0 }],
    tokens: 250,
  })),
  { name: 'supply agreement.pdf', title: 'Framework supply agreement' },
);

let llm: LlmServer;
beforeAll(async () => {
  llm = await startLlm();
});
beforeEach(() => llm.reset());
afterAll(() => llm?.stop());

describe('classifying through a model', () => {
  it('asks once, with the name, the title, headings, the beginning and samples of the rest', async () => {
    llm.answerWith({ workstream: 'commercial', documentType: 'supply agreement', confidence: 0.914 });
    const { result, changes } = await classifyDocument(LONG, insightContext({ llm }).context);
    expect(classResult.parse(result)).toMatchObject({ documentId: LONG.id, provider: 'openai', promptVersion: '1' });
    expect(changes).toEqual({ workstream: 'commercial', documentType: 'supply agreement', confidence: 0.91 });
    const [request, ...others] = llm.requests();
    expect(others).toEqual([]);
    const { user = '' } = request ?? {};
    expect(user).toContain('Framework supply agreement');
    expect(user).toContain('Heading 60');
    expect(user).toContain('On page 1 ');
    expect(user).not.toContain('On page 30 ');
    expect(user).toMatch(/On page 5\d /u);
    expect(user.length).toBeLessThan(45_000);
  });

  it.each([
    { workstream: 'marketing', documentType: 'other', confidence: 1 },
    { workstream: 'legal', documentType: 'ransom note', confidence: 1 },
    { workstream: 'legal', documentType: 'other', confidence: 7 },
  ])('refuses what is on no list: %j', async (answer) => {
    llm.answerWith(answer);
    await expect(classifyDocument(LONG, insightContext({ llm }).context)).rejects.toMatchObject({ code: 'invalid_answer' });
  });
});

describe('classifying without a model', () => {
  it('tells the workstream of most real excerpts that nothing was tuned on', async () => {
    const excerpts = labelledExcerpts().filter(({ half }) => half === 'test');
    const { context } = insightContext();
    const right = await Promise.all(
      excerpts.map(
        async ({ text, workstream }) =>
          (await classifyDocument(documentOf([text.split('\n')], { name: '' }), context)).changes.workstream === workstream,
      ),
    );
    expect(right.filter(Boolean).length / right.length).toBeGreaterThan(0.75);
  });

  it('goes by the title first, and says `other` where it finds nothing', async () => {
    const titled = documentOf([['The parties agree as follows.']], { name: 'scan001.pdf', title: 'Heads of terms' });
    expect((await classifyDocument(titled, insightContext().context)).changes).toMatchObject({
      workstream: 'legal',
      documentType: 'letter of intent',
    });
    const empty = documentOf([['Lorem dolor sit amet.']]);
    expect((await classifyDocument(empty, insightContext().context)).changes).toMatchObject({ workstream: 'other', documentType: 'other' });
  });
});

it('names every workstream and document type in the prompt', async () => {
  const { instructions } = await loadPrompt('document-class');
  const names = [...DOCUMENT_TYPES, ...Object.keys(WORKSTREAM_MEANINGS)];
  expect(names.filter((name) => !instructions.includes(`\`${name}\``))).toEqual([]);
});
