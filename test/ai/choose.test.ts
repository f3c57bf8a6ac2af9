import { describe, expect, it } from 'vitest';
import { type AiOptions, chooseEmbedding, chooseGeneration } from '../../lib/ai/choose.ts';

const openai = { apiKey: 'o' };
const anthropic = { apiKey: 'a' };
const options = (given: Partial<AiOptions>): AiOptions => ({ provider: 'auto', perQueue: {}, timeoutMs: 1_000, ...given });

describe('the provider of a queue', () => {
  it.each([
    ['story-enhancement', { openai, anthropic }, 'openai', 'gpt-6-luna'],
    ['conversation-analysis', { openai, anthropic }, 'openai', 'gpt-6-luna'],
    ['document-processing', { openai, anthropic }, 'anthropic', 'claude-haiku-5-5'],
    ['email-processing', { openai, anthropic }, 'anthropic', 'claude-haiku-5-5'],
    ['daily-brief', { openai, anthropic }, 'anthropic', 'claude-haiku-5-5'],
    ['document-processing', { openai }, 'openai', 'gpt-6-luna'],
    ['story-enhancement', { anthropic }, 'anthropic', 'claude-haiku-5-5'],
    ['story-enhancement', {}, 'local', 'local'],
    ['daily-brief', {}, 'local', 'local'],
    ['story-enhancement', { openai, provider: 'local' }, 'local', 'local'],
    ['daily-brief', { openai, anthropic, provider: 'openai' }, 'openai', 'gpt-6-luna'],
    ['story-enhancement', { openai: { apiKey: 'o', model: 'gpt-6-sol' } }, 'openai', 'gpt-6-sol'],
  ] as const)('%s with %o is %s (%s)', (queue, given, provider, model) => {
    expect(chooseGeneration(queue, options(given))).toEqual({ provider, model });
  });

  it('is what the queue itself says, over what all say', () => {
    const perQueue = {
      'story-enhancement': { provider: 'anthropic', model: 'claude-opus-5-5' },
      'daily-brief': { model: 'claude-sonnet-5-5' },
    } as const;
    const given = options({ openai, anthropic, provider: 'openai', perQueue });
    expect(chooseGeneration('story-enhancement', given)).toEqual({ provider: 'anthropic', model: 'claude-opus-5-5' });
    expect(chooseGeneration('review-ai', given)).toEqual({ provider: 'openai', model: 'gpt-6-luna' });
    expect(chooseGeneration('daily-brief', { ...given, provider: 'auto' })).toEqual({ provider: 'anthropic', model: 'claude-sonnet-5-5' });
  });

  it('can be auto for one queue while all others are forced', () => {
    const perQueue = { 'daily-brief': { provider: 'auto' } } as const;
    expect(chooseGeneration('daily-brief', options({ openai, anthropic, provider: 'local', perQueue })).provider).toBe('anthropic');
  });

  it('must have its key: the error names both variables', () => {
    const missing = expect.objectContaining({ code: 'provider_not_configured' });
    expect(() => chooseGeneration('review-ai', options({ provider: 'anthropic', openai }))).toThrow(missing);
    expect(() => chooseGeneration('review-ai', options({ provider: 'anthropic' }))).toThrow(/AI_PROVIDER.*ANTHROPIC_API_KEY/);
    expect(() => chooseGeneration('review-ai', options({ perQueue: { 'review-ai': { provider: 'openai' } } }))).toThrow(
      /REVIEW_AI_AI_PROVIDER.*OPENAI_API_KEY/,
    );
  });
});

describe('the provider of embeddings', () => {
  const local = { provider: 'local', model: 'universal-sentence-encoder-lite' };
  const embeds = (given: Partial<AiOptions>, queue = 'conversation-analysis') => chooseEmbedding(queue, options(given));

  it('is OpenAI where it has a key, also when Anthropic writes', () => {
    const small = { provider: 'openai', model: 'text-embedding-3-small' };
    expect(embeds({ openai })).toEqual(small);
    expect(embeds({ openai, anthropic, provider: 'anthropic' })).toEqual(small);
    expect(embeds({ openai: { apiKey: 'o', embeddingModel: 'large' } })).toEqual({ provider: 'openai', model: 'large' });
  });

  it('is local without that key, or when all is to stay local', () => {
    expect(embeds({})).toEqual(local);
    expect(embeds({ anthropic })).toEqual(local);
    expect(embeds({ anthropic, provider: 'anthropic' })).toEqual(local);
    expect(embeds({ openai, provider: 'local' })).toEqual(local);
  });

  it('is what the queue itself says, over what all say', () => {
    const perQueue = { 'conversation-analysis': { provider: 'local' }, 'document-processing': { provider: 'openai' } } as const;
    expect(embeds({ openai, perQueue })).toEqual(local);
    expect(embeds({ openai, perQueue, provider: 'local' }, 'document-processing').provider).toBe('openai');
  });
});
