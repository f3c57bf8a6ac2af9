import { PermanentError } from '../errors.ts';
import type { AiProvider, EmbeddingProvider, LocalTasks, Usage } from './contract.ts';
import { withDeadline } from './deadline.ts';

const NO_USAGE: Usage = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0 };

/**
 * The provider that needs no key and no network: a prompt's id names the task that does its work.
 * A task that only computes cannot be stopped half-way; its result is dropped.
 */
export function createLocalProvider(tasks: LocalTasks, embedding: EmbeddingProvider): AiProvider {
  return {
    name: 'local',
    model: 'local',
    embedding,
    generate: (request, options) =>
      withDeadline(options, 'the local provider', async () => {
        const load = Object.hasOwn(tasks, request.prompt.id) ? tasks[request.prompt.id] : undefined;
        if (!load) throw noTask(request.prompt.id);
        const task = await load();
        return { value: await task(request.data), model: 'local', usage: NO_USAGE };
      }),
  };
}

function noTask(promptId: string): PermanentError {
  const message = `the local provider cannot do "${promptId}": set OPENAI_API_KEY or ANTHROPIC_API_KEY`;
  return new PermanentError(message, { code: 'no_local_task', details: { promptId } });
}
