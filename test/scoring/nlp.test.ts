import { describe, expect, it } from 'vitest';
import { isWord, readSentences } from '../../lib/scoring/nlp.ts';
import { exampleStories } from './support.ts';

const textsOf = async (text: string) => (await readSentences(text)).map((sentence) => sentence.text);

describe('sentences', () => {
  it('and their words stand in the text exactly where they say', async () => {
    for (const { content } of exampleStories) {
      for (const { text, start, end, tokens } of await readSentences(content)) {
        expect(content.slice(start, end)).toBe(text);
        for (const token of tokens) expect(content.slice(token.start, token.end)).toBe(token.value);
      }
    }
  });

  it('do not end inside "PM2.5"', async () => {
    expect(await textsOf('The study is about PM2.5, a kind of dust. It is small.')).toEqual([
      'The study is about PM2.5, a kind of dust.',
      'It is small.',
    ]);
  });

  it('end at a blank line, also without a full stop', async () => {
    const sentences = await readSentences('A heading\n\nA first sentence. A second one.');
    expect(sentences.map(({ text, startsParagraph }) => [text, startsParagraph])).toEqual([
      ['A heading', true],
      ['A first sentence.', true],
      ['A second one.', false],
    ]);
  });

  it('know which of their words are negated', async () => {
    const [sentence] = await readSentences('The app does not read messages.');
    expect(sentence?.tokens.filter(({ negated }) => negated).map(({ normal }) => normal)).toContain('messages');
    expect(sentence?.tokens.filter(isWord).map(({ normal }) => normal)).not.toContain('.');
  });

  it('of an empty text are none', async () => {
    expect(await readSentences(' \n ')).toEqual([]);
  });
});
