// Of package.json only what `start/local-supabase.ts` loads; npm then installs it at the versions of the lock file.
import { readFileSync, writeFileSync } from 'node:fs';

const NEEDED = ['@supabase/lite', 'postgres', '@supabase/supabase-js', 'pg', 'pino', 'zod', 'cron-parser'];

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const known = { ...manifest.devDependencies, ...manifest.dependencies };
const dependencies = Object.fromEntries(NEEDED.map((name) => [name, known[name]]));
writeFileSync(
  'package.json',
  JSON.stringify({ name: manifest.name, version: manifest.version, type: 'module', dependencies, overrides: manifest.overrides }),
);
