import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { reviewResult } from '../../lib/jobs/review-ai.ts';
import { kindsIn } from '../../lib/reviews/personal-data.ts';
import { processReview } from '../../lib/reviews/processing.ts';
import { type LlmServer, startLlm } from '../support/llm.ts';
import { contextWith } from './support.ts';

const review_text = 'The pizza was cold. The waiter was friendly. Mail me at bob@example.com.';
const answer = {
  topics: [
    { topic: 'Food', score: -0.6, quote: 'the pizza was cold' },
    { topic: 'food', score: -0.2, quote: 'The pizza was cold' },
    { topic: 'service', score: 0.7, quote: 'The waiter was  friendly' },
    { topic: 'price', score: -0.9, quote: 'it cost a fortune' },
  ],
  score: 0.1,
  urgency: { level: 'medium', reason: 'A complaint that waits for an answer.' },
  language: 'en',
  personalData: ['name'],
};

let llm: LlmServer;
beforeAll(async () => {
  llm = await startLlm();
});
beforeEach(() => llm.reset());
afterAll(() => llm?.stop());

describe('processing a review through a model', () => {
  it('keeps only topics whose quote stands in the review, each once', async () => {
    llm.answerWith(answer);
    const { context, lines } = contextWith(llm);
    const result = await processReview({ review_text }, context);
    expect(reviewResult.parse(result).topics).toEqual([
      { topic: 'food', label: 'negative', score: -0.2, quote: 'The pizza was cold' },
      { topic: 'service', label: 'positive', score: 0.7, quote: 'The waiter was friendly' },
    ]);
    expect(result.topics.every(({ quote }) => review_text.includes(quote))).toBe(true);
    expect(lines[0]?.[0]).toMatchObject({ event: 'review.topics_dropped', dropped: 2 });
    expect(JSON.stringify(lines)).not.toMatch(/pizza|fortune/u);
  });

  it('adds the personal data that patterns find to what the model saw, as kinds only', async () => {
    llm.answerWith(answer);
    const result = await processReview({ review_text }, contextWith(llm).context);
    expect(result.personalData).toEqual({ present: true, kinds: ['email', 'name'] });
    expect(JSON.stringify({ ...result, topics: [] })).not.toContain('bob@');
  });

  it('takes the detected language when the model names none', async () => {
    llm.answerWith({ ...answer, language: 'English' });
    expect((await processReview({ review_text }, contextWith(llm).context)).language).toBe('en');
  });
});

describe('processing a review without a model', () => {
  it('finds topics with their opinions, in the words of the review', async () => {
    const text = 'Great service! The pizza was cold and far too expensive, but the location is perfect.';
    const { topics } = await processReview({ review_text: text }, contextWith().context);
    expect(Object.fromEntries(topics.map(({ topic, label }) => [topic, label]))).toMatchObject({
      service: 'positive',
      food: 'negative',
      price: 'negative',
      location: 'positive',
    });
    expect(topics.every(({ quote }) => text.includes(quote))).toBe(true);
  });

  it.each([
    ['I got food poisoning and spent the night in hospital.', 'high', 'health or safety'],
    ['My lawyer will contact you.', 'high', 'lawyers'],
    ['My phone was stolen from the room.', 'high', 'theft'],
    ['You charged me twice, this is awful.', 'medium', 'money in dispute'],
    ['Nie wieder!', 'medium', 'about to leave'],
    ['It arrived broken.', 'medium', 'a defect'],
    ['Lovely evening, thank you.', 'low', 'Nothing'],
  ])('"%s" is of %s urgency', async (text, level, reason) => {
    const { urgency } = await processReview({ review_text: text }, contextWith().context);
    expect(urgency.level).toBe(level);
    expect(urgency.reason).toContain(reason);
  });

  it.each([
    ['de', 'Das Zimmer war schmutzig, aber das Frühstück lecker.'],
    ['es', 'El personal fue muy amable.'],
    ['fr', 'La livraison était en retard et le colis abîmé.'],
  ])('reads %s', async (language, text) => {
    const result = await processReview({ review_text: text }, contextWith().context);
    expect(result.language).toBe(language);
    expect(result.topics.length).toBeGreaterThan(0);
  });
});

describe('personal data', () => {
  it.each([
    ['Write to anna.b+x@mail.example.org please', ['email']],
    ['Ruf mich an: 0171 / 234 56 78', ['phone']],
    ['Call (555) 123-4567', ['phone']],
    ['Card 4111 1111 1111 1111 was charged', ['credit_card']],
    ['IBAN DE89 3704 0044 0532 0130 00', ['iban']],
    ['Order number 12345-AB never came', ['order_number']],
    ['I live at 12 Baker Street', ['address']],
    ['My name is Jane Doe', ['name']],
    ['On 2024-05-01 we paid 1 000 000 for 2 of 10, room 312', []],
    ['We waited 45 minutes for 2 pizzas at 19:30', []],
  ])('in "%s"', (text, kinds) => {
    expect(kindsIn(text)).toEqual(kinds);
  });
});
