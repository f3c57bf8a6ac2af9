import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Environment, readEnvironment } from '../lib/config/environment.ts';
import { ConfigError } from '../lib/config/error.ts';
import { environment } from '../lib/config/variables/index.ts';
import { PermanentError } from '../lib/errors.ts';

export interface ApiConnection {
  url: string;
  apiKey: string;
}

const read = environment.pick({ HIVEPULSE_URL: true, HIVEPULSE_API_KEY: true, HIVEPULSE_DATA_DIR: true, PORT: true });

/**
 * Where the API is: HIVEPULSE_URL with HIVEPULSE_API_KEY; with neither, the embedded one of the data folder, by the key it keeps there. That key
 * goes to this machine only, never to a URL. Throws `PermanentError` (`no_api`) saying what to set, or `ConfigError`.
 */
export async function findConnection(env: Environment): Promise<ApiConnection> {
  const { values, problems } = readEnvironment(read, env);
  if (problems.length > 0) throw new ConfigError(problems);
  const { HIVEPULSE_URL: url, HIVEPULSE_API_KEY: apiKey, HIVEPULSE_DATA_DIR: dataDir, PORT: port } = values;
  if (url !== undefined && apiKey !== undefined) return { url, apiKey };
  if (url !== undefined) throw missing('HIVEPULSE_URL is set, HIVEPULSE_API_KEY is not: set it to one of the API_KEYS there.');
  if (apiKey !== undefined) throw missing('HIVEPULSE_API_KEY is set, HIVEPULSE_URL is not: set it to the address of the API.');
  const kept = (await readFile(join(dataDir, 'api-key'), 'utf8').catch(() => '')).trim();
  if (kept !== '') return { url: `http://127.0.0.1:${port}`, apiKey: kept };
  throw missing(
    `Nothing says where the API is: set HIVEPULSE_URL and HIVEPULSE_API_KEY. (Of an embedded Hivepulse both are found by its data folder; there is no key in ${dataDir}.)`,
  );
}

const missing = (message: string): PermanentError => new PermanentError(message, { code: 'no_api' });
