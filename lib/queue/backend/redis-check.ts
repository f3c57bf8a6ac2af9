import { Cluster, type Redis } from 'ioredis';
import type { RedisClient } from './redis-connection.ts';

export type Finding = { level: 'error' | 'warning'; message: string };

export const MINIMUM_REDIS_VERSION = '6.2.0';

/** What would make jobs get lost on this Redis, each with its cure; of every primary where it is a cluster. */
export async function checkRedis(client: RedisClient): Promise<Finding[]> {
  const nodes: Redis[] = client instanceof Cluster ? client.nodes('master') : [client];
  const findings = await Promise.all(nodes.map(async (node) => judge(parseInfo(await node.info()))));
  const unique = new Map(findings.flat().map((finding) => [finding.message, finding]));
  return [...unique.values()];
}

function judge(info: ReadonlyMap<string, string>): Finding[] {
  const findings: Finding[] = [];
  const version = info.get('redis_version') ?? '0';
  if (isOlder(version, MINIMUM_REDIS_VERSION)) {
    findings.push({ level: 'error', message: `Redis ${version} is too old: Hivepulse needs ${MINIMUM_REDIS_VERSION} or newer.` });
  }
  const policy = info.get('maxmemory_policy') ?? 'noeviction';
  if (policy !== 'noeviction') {
    findings.push({
      level: 'error',
      message: `Redis throws keys away when memory is short (maxmemory-policy ${policy}), and jobs with them: set maxmemory-policy noeviction.`,
    });
  }
  if (info.get('aof_enabled') === '0') {
    findings.push({ level: 'warning', message: 'Redis keeps no append-only file: a crash loses the newest jobs. Set appendonly yes.' });
  }
  return findings;
}

function parseInfo(text: string): Map<string, string> {
  const pairs = text.split(/\r?\n/).flatMap((line): [string, string][] => {
    const colon = line.indexOf(':');
    return colon > 0 ? [[line.slice(0, colon), line.slice(colon + 1)]] : [];
  });
  return new Map(pairs);
}

function isOlder(version: string, minimum: string): boolean {
  return version.localeCompare(minimum, 'en', { numeric: true }) < 0;
}
