import { describe, expect, it } from 'vitest';
import { quoteFinder } from '../../lib/scoring/quotes.ts';

const source = 'The firm’s chief said: “Sales rose\n\nby 40\u00a0percent — a record.” Caf\u00e9 prices fell… They cost €5 in Zu\u0308rich.';
const find = quoteFinder(source);

describe('a quote is found', () => {
  it.each([
    ['as it stands', 'by 40\u00a0percent — a record', 'by 40\u00a0percent — a record'],
    ['with straight marks', "The firm's chief said", 'The firm’s chief said'],
    ['with marks of the model around it', '"Sales rose by 40 percent - a record."', 'Sales rose\n\nby 40\u00a0percent — a record'],
    ['with a full stop that the story does not have', 'Sales rose.', 'Sales rose'],
    ['with dots for an ellipsis', 'prices fell... They cost', 'prices fell… They cost'],
    ['with composed accents', 'in Z\u00fcrich', 'in Zu\u0308rich'],
    ['with decomposed accents', 'Cafe\u0301 prices', 'Caf\u00e9 prices'],
  ])('%s', (_, quote, passage) => {
    expect(find(quote)).toBe(passage);
    expect(source).toContain(passage);
  });
});

describe('a quote is not found', () => {
  it.each([
    ['that was put together from two passages', 'Sales rose ... Café prices fell'],
    ['with another figure', 'Sales rose by 41 percent'],
    ['in other words', 'Sales went up by 40 percent'],
    ['that is empty', ''],
    ['of marks', '...'],
    ['too short to prove anything', 'by'],
  ])('%s', (_, quote) => {
    expect(find(quote)).toBeUndefined();
  });

  it('in an empty story', () => {
    expect(quoteFinder('')('anything')).toBeUndefined();
  });
});
