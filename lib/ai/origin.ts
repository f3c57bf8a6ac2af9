import type { Generation } from './contract.ts';

export interface Origin {
  provider: string;
  model: string;
  promptVersion: string;
}

/** Who answered, as results carry it; the local rules' version is part of their prompt's. */
export function originOf({ provider, model, promptVersion }: Generation<unknown>, rules: string): Origin {
  return { provider, model, promptVersion: provider === 'local' ? `${promptVersion} (${rules})` : promptVersion };
}
