import { afterAll } from 'vitest';
import { endFile } from './support/end-of-file.ts';

afterAll(endFile);
