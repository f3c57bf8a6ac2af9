import { expect, it } from 'vitest';
import { fileBeside } from '../lib/files.ts';

it('names the compiled thread from a compiled module and the source from a source', () => {
  expect(fileBeside('file:///app/lib/analysis/run.ts', './thread.ts').href).toBe('file:///app/lib/analysis/thread.ts');
  expect(fileBeside('file:///app/dist/lib/analysis/run.js', './thread.ts').href).toBe('file:///app/dist/lib/analysis/thread.js');
});

it('leaves other files as they are', () => {
  expect(fileBeside('file:///app/dist/lib/ai/prompts.js', './prompts/story.md').href).toBe('file:///app/dist/lib/ai/prompts/story.md');
});
