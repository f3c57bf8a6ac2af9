import { describe, expect, it } from 'vitest';
import { modulesLoadedBy } from '../support/loaded-modules.ts';

const SDKS = ['/node_modules/openai/', '/node_modules/@anthropic-ai/', '/node_modules/@energetic-ai/', '/node_modules/piscina/'];

/** The SDKs, and packages of the local model, that a fresh process has loaded after running `code`. */
async function sdksLoadedBy(code: string): Promise<string[]> {
  const loaded = await modulesLoadedBy(code);
  return SDKS.filter((sdk) => loaded.some((url) => url.includes(sdk)));
}

describe('importing the AI layer', () => {
  it('loads no SDK and no local model, and neither does making it for both vendors', async () => {
    const code = `
      const { createAi } = await import('./lib/ai/index.ts');
      const { createLocalEmbeddings } = await import('./lib/ai/local-embeddings.ts');
      const localEmbeddings = createLocalEmbeddings();
      const options = { provider: 'auto', openai: { apiKey: 'x' }, anthropic: { apiKey: 'x' }, perQueue: {}, timeoutMs: 1000 };
      const ai = createAi({ options, limits: {}, ledger: {}, localTasks: {}, localEmbeddings, clock: {}, log: {} });
      ai.forJob({ queue: 'q', jobId: '1', signal: new AbortController().signal });`;
    expect(await sdksLoadedBy(code)).toEqual([]);
  });

  it('would be noticed loading one', async () => {
    expect(
      await sdksLoadedBy("await import('openai'); await import('@anthropic-ai/sdk'); await import('@energetic-ai/core'); await import('piscina');"),
    ).toEqual(SDKS);
  });
});
