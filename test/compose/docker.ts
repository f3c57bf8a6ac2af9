import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Apart from whatever else runs here: a project, an image and ports of its own. */
export const settings = {
  COMPOSE_PROJECT_NAME: 'hivepulse-test',
  HIVEPULSE_IMAGE: 'hivepulse:test',
  PORT: '3917',
  LOCAL_REDIS_PORT: '6917',
  LOCAL_POSTGRES_PORT: '5917',
  LOCAL_SUPABASE_PORT: '8917',
};

/** Resolves to what it printed; rejects with what it complained about. */
async function docker(...args: string[]): Promise<string> {
  const { stdout } = await run('docker', args, { env: { ...process.env, ...settings }, maxBuffer: 64 * 1024 * 1024 });
  return stdout.trim();
}

export const compose = (...args: string[]): Promise<string> =>
  docker('compose', '--project-directory', '.', '-f', 'compose.yaml', '-f', 'test/compose/compose.yaml', ...args);

/** Rows of one statement, `|` between columns. */
export async function sql(statement: string): Promise<string[][]> {
  const text = await compose('exec', '-T', 'postgres', 'psql', '-U', 'postgres', '-v', 'ON_ERROR_STOP=1', '-Atc', statement);
  return text === '' ? [] : text.split('\n').map((line) => line.split('|'));
}

/** As a crash does it: its restart policy starts the container again, which `docker kill` would count as a stop by hand. */
export async function killHard(service: string, number: number): Promise<string> {
  const name = `${settings.COMPOSE_PROJECT_NAME}-${service}-${number}`;
  const pid = Number(await docker('inspect', '-f', '{{.State.Pid}}', name));
  process.kill(pid, 'SIGKILL');
  return name;
}

export async function restartsOf(name: string): Promise<number> {
  return Number(await docker('inspect', '-f', '{{.RestartCount}}', name));
}

export async function imageSizes(): Promise<string> {
  return docker('images', '--format', '{{.Repository}}:{{.Tag}} {{.Size}}', '--filter', `reference=${settings.HIVEPULSE_IMAGE}*`);
}

/** The largest parts of the image beside Node itself, in MB. */
export async function imageContents(): Promise<string> {
  const text = await docker(
    'run',
    '--rm',
    '--entrypoint',
    'sh',
    settings.HIVEPULSE_IMAGE,
    '-c',
    'du -sm dist node_modules/* node_modules/@*/* | sort -rn | head -9',
  );
  return text.replaceAll(/(\d+)\s+(?:node_modules\/)?(\S+)/g, '$2 $1').replaceAll('\n', ', ');
}

/** From the first line of a worker's log to the one that says it waits for jobs, in milliseconds. */
export async function startMs(container: string): Promise<number> {
  const lines = (await docker('logs', container)).split('\n').filter((line) => line.startsWith('{'));
  const at = (message: string): number => Date.parse(JSON.parse(lines.find((line) => line.includes(`"message":"${message}`)) ?? '{}').timestamp);
  return at('worker started') - at('starting');
}
