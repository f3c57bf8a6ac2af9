import { readFile } from 'node:fs/promises';
import { PermanentError } from '../errors.ts';
import type { Prompt } from './contract.ts';

const loaded = new Map<string, Promise<Prompt>>();

/**
 * Reads `prompts/<id>.md`, once per process. The file begins with `version: <word>`, alone or inside a `---` front matter;
 * the rest is the instructions. Works from the sources and from `dist/`, where the files lie beside the compiled code.
 */
export function loadPrompt(id: string): Promise<Prompt> {
  const known = loaded.get(id);
  if (known) return known;
  const loading = readPrompt(id);
  loaded.set(id, loading);
  loading.catch(() => loaded.delete(id));
  return loading;
}

async function readPrompt(id: string): Promise<Prompt> {
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(id)) throw new PermanentError(`"${id}" is not a prompt id`, { code: 'prompt_unreadable' });
  const text = await readFile(new URL(`./prompts/${id}.md`, import.meta.url), 'utf8').catch((cause: unknown) => {
    throw new PermanentError(`prompt "${id}" cannot be read: lib/ai/prompts/${id}.md is missing`, { code: 'prompt_unreadable', cause });
  });
  return parsePrompt(id, text);
}

/** Splits a prompt file into version and instructions; a file without either is an error that names it. */
export function parsePrompt(id: string, text: string): Prompt {
  const normalised = text.replaceAll('\r\n', '\n');
  const parts = /^---\n([\s\S]*?)\n---\n([\s\S]*)$/.exec(normalised) ?? /^([^\n]*)\n([\s\S]*)$/.exec(normalised);
  const version = /^version:[ \t]*(\S+)[ \t]*$/m.exec(parts?.[1] ?? '')?.[1];
  const instructions = parts?.[2]?.trim();
  if (!version || !instructions) {
    throw new PermanentError(`prompt "${id}" must begin with "version: <word>" and go on with the instructions`, { code: 'prompt_unreadable' });
  }
  return { id, version, instructions };
}
