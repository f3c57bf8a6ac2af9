import { ensureServers } from './support/install.ts';

/** Once per run, before any test file: the right Node, a Redis and a PostgreSQL. */
export default async function setup(): Promise<void> {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 24)
    throw new Error(`The tests need Node 24, this is ${process.version}: run them with npm test, which uses the one npm ci has installed.`);
  await ensureServers((line) => console.log(line));
}
