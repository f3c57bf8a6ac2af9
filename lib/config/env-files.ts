import { existsSync } from 'node:fs';

// node --import ./lib/config/env-files.ts workers/main.ts
// Reads `.env.local` and `.env` of the working directory into the environment, in the way of Next.js: what is set already wins, then `.env.local`.
// (Node's own --env-file-if-exists does the same, but announces each file that does not exist.)
for (const file of ['.env.local', '.env']) {
  if (existsSync(file)) process.loadEnvFile(file);
}
