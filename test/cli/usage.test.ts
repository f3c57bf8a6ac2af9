import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands } from '../../cli/commands/index.ts';
import { freePort } from '../support/port.ts';
import { type CliOptions, runCli, typeCli } from './support.ts';

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'hivepulse-cli-'));
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

const words = (line: string): string[] => line.split(' ').filter(Boolean);
const hivepulse = (line: string, options: Omit<CliOptions, 'cwd'> = {}) => runCli(words(line), { cwd, ...options });

const typed = (line: string) => typeCli(words(line));

describe('a line that cannot be meant', () => {
  it.each([
    ['', 'Which command?'],
    ['stast', 'Unknown command stast. Did you mean stats?'],
    ['dead-leters list', 'Did you mean dead-letters?'],
    ['dead-letters', 'dead-letters what? One of list, groups, show, replay.'],
    ['dead-letters lst', 'Did you mean list?'],
    ['--follow job', 'options follow the command'],
    ['job review-ai', '<id> is missing'],
    ['job revew-ai x', 'Did you mean review-ai?'],
    ['job review-ai x y', 'Too much: y'],
    ['job review-ai x --folow', 'Unknown option --folow. Did you mean --follow?'],
    ['job review-ai x --follow=yes', '--follow takes no value'],
    ['cancel review-ai x --reason', '--reason needs a value'],
    ['cancel review-ai x --reason a --reason b', '--reason is given twice'],
    ['enqueue review-ai ai_generation {} --priority high', '--priority must be a whole number from 0 to 2097152; it is "high"'],
    ['enqueue review-ai ai_generation {oops', 'is not JSON'],
    ['enqueue review-ai ai_generation @nowhere.json', 'The payload cannot be read'],
    ['dead-letters list --since yesterday', '--since must be how long ago'],
    ['dead-letters list --open --replayed', 'give one of them'],
    ['dead-letters replay', 'Which ones?'],
    ['dead-letters replay an-id --queue review-ai', 'Ids and a filter at once'],
    ['dead-letters replay --all --rate 0', '--rate must be a number above 0'],
  ])('%s', async (line, expected) => {
    const said = await typed(line);
    expect(said).toMatchObject({ code: 2, out: '', err: expect.stringContaining(expected) });
    expect(said.err.split('\n')).toHaveLength(1);
  });

  it('ends the process with code 2 and one line on standard error', async () => {
    const { code, out, err } = await hivepulse('stast');
    expect({ code, out, err }).toEqual({ code: 2, out: '', err: 'hivepulse: Unknown command stast. Did you mean stats? (hivepulse --help)' });
  });

  it('is answered with an object where --json asks for one', async () => {
    const { code, out, err } = await hivepulse('stast --json');
    expect({ code, out, error: JSON.parse(err) }).toEqual({
      code: 2,
      out: '',
      error: { error: { code: 'usage', message: 'Unknown command stast. Did you mean stats?' } },
    });
  });
});

describe('help', () => {
  it.each(['--help', '-h', 'help'])('%s names every command', async (line) => {
    const { code, out } = await typed(line);
    expect(code).toBe(0);
    for (const { name, summary } of commands) expect(out).toMatch(new RegExp(`hivepulse ${name} .*${summary}`));
  });

  it.each(['job --help', 'help job', 'job review-ai x --follow -h'])('%s tells all about one', async (line) => {
    const { code, out } = await typed(line);
    expect(code).toBe(0);
    expect(out).toContain('Usage: hivepulse job <queue> <id> [options]');
    for (const word of ['--follow', '--json', 'Examples:']) expect(out).toContain(word);
  });

  it('of a group names its commands and no other', async () => {
    const { code, out } = await typed('dead-letters --help');
    expect(code).toBe(0);
    expect(out).toContain('hivepulse dead-letters replay');
    expect(out).not.toContain('hivepulse stats');
  });

  it('of what does not exist is wrong usage', async () => {
    expect(await typed('help stast')).toMatchObject({ code: 2, err: expect.stringContaining('Did you mean stats?') });
  });
});

describe('where the API is', () => {
  it('must be said by both variables, and the error names them', async () => {
    const nothing = await hivepulse('stats');
    expect(nothing).toMatchObject({ code: 1, out: '' });
    expect(nothing.err).toMatch(/HIVEPULSE_URL and HIVEPULSE_API_KEY/);
    const { err: withoutKey } = await hivepulse('stats', { env: { HIVEPULSE_URL: 'http://127.0.0.1:3000' } });
    expect(withoutKey).toContain('HIVEPULSE_API_KEY is not');
    const { err: withoutUrl } = await hivepulse('stats', { env: { HIVEPULSE_API_KEY: 'a-secret-key' } });
    expect(withoutUrl).toContain('HIVEPULSE_URL is not');
    expect(withoutUrl).not.toContain('a-secret-key');
  });

  it('says so when nobody answers there', async () => {
    const env = { HIVEPULSE_URL: `http://127.0.0.1:${await freePort()}`, HIVEPULSE_API_KEY: 'a-secret-key' };
    const away = await hivepulse('stats', { env });
    expect(away).toMatchObject({ code: 1, out: '', err: expect.stringContaining('Is it running?') });
    const { code, err } = await hivepulse('dead-letters groups --json', { env });
    expect({ code, error: JSON.parse(err) }).toMatchObject({ code: 1, error: { error: { code: 'unavailable' } } });
  });

  it('is found by the key that an embedded Hivepulse keeps in its folder', async () => {
    await mkdir(join(cwd, 'data'), { recursive: true });
    await writeFile(join(cwd, 'data', 'api-key'), 'hp_of_the_folder\n');
    const port = await freePort();
    const { code, err } = await hivepulse('stats', { env: { HIVEPULSE_DATA_DIR: 'data', PORT: `${port}` } });
    expect(code).toBe(1);
    expect(err).toContain(`127.0.0.1:${port}`);
  });

  it('may stand in .env of the folder', async () => {
    const folder = await mkdtemp(join(cwd, 'with-env-'));
    const port = await freePort();
    await writeFile(join(folder, '.env'), `HIVEPULSE_URL=http://127.0.0.1:${port}\nHIVEPULSE_API_KEY=a-secret-key\n`);
    expect((await runCli(['stats'], { cwd: folder })).err).toContain(`127.0.0.1:${port}`);
  });
});
