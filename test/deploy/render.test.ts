import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { apiRoutes, defaultOf, isBuilt, programOf, read, SHUTDOWN_SECONDS, unknownVariables } from './facts.ts';

// Render's own schema is in no package and has no licence: this is its documented shape, as far as we use it (render.com/docs/blueprint-spec).
const name = z.string().regex(/^[a-z][a-z0-9-]*$/);
const fromService = z.strictObject({
  type: z.enum(['web', 'worker', 'keyvalue']),
  name,
  property: z.literal('connectionString').optional(),
  envVarKey: z.string().optional(),
});
const variable = z.union([
  z.strictObject({ key: z.string(), value: z.string() }),
  z.strictObject({ key: z.string(), sync: z.literal(false) }),
  z.strictObject({ key: z.string(), generateValue: z.literal(true) }),
  z.strictObject({ key: z.string(), fromService }),
]);
const common = {
  name,
  plan: z.enum(['starter', 'standard', 'pro', 'pro plus']),
  runtime: z.literal('docker'),
  dockerCommand: z.string(),
  preDeployCommand: z.string(),
  maxShutdownDelaySeconds: z.int().min(1).max(300),
  autoDeployTrigger: z.enum(['commit', 'checksPass', 'off']),
  envVars: z.array(variable),
};
const blueprint = z.strictObject({
  services: z.array(
    z.discriminatedUnion('type', [
      z.strictObject({
        type: z.literal('keyvalue'),
        name,
        plan: common.plan,
        maxmemoryPolicy: z.literal('noeviction'),
        ipAllowList: z.array(z.never()),
      }),
      z.strictObject({ type: z.literal('web'), ...common, healthCheckPath: z.string() }),
      z.strictObject({ type: z.literal('worker'), ...common, numInstances: z.int().min(1) }),
    ]),
  ),
});

/** As documented by Railway (docs.railway.com/config-as-code); numbers must not be text. */
const railway = z.strictObject({
  $schema: z.literal('https://railway.com/railway.schema.json'),
  build: z.strictObject({ builder: z.literal('DOCKERFILE'), dockerfilePath: z.literal('Dockerfile') }),
  deploy: z.strictObject({
    startCommand: z.string(),
    preDeployCommand: z.array(z.string()),
    healthcheckPath: z.string().optional(),
    healthcheckTimeout: z.int().optional(),
    restartPolicyType: z.literal('ALWAYS'),
    drainingSeconds: z.int(),
  }),
});

/** `hivepulse worker`: the image's entry point by its own name, and a role. */
function isRole(command: string): boolean {
  const [program, role = '', ...rest] = command.split(' ');
  return program === 'hivepulse' && rest.length === 0 && isBuilt(programOf(role) ?? '');
}

let apiAnswers: (path: string) => boolean;
beforeAll(async () => {
  apiAnswers = await apiRoutes();
});

it('the image’s entry point is a command of that name', () => {
  expect(read('Dockerfile')).toMatch(/^COPY .*deploy\/image\/entrypoint\.sh \/usr\/local\/bin\/hivepulse$/m);
});

describe('render.yaml', () => {
  const { services } = blueprint.parse(parse(read('render.yaml')));
  const processes = services.flatMap((service) => (service.type === 'keyvalue' ? [] : [service]));

  it.each(processes)('$name runs a role of the image, migrates first, and has time to stop', (service) => {
    expect([service.dockerCommand, service.preDeployCommand].filter((command) => !isRole(command))).toEqual([]);
    expect(service.preDeployCommand).toBe('hivepulse migrate');
    expect(service.maxShutdownDelaySeconds).toBeGreaterThanOrEqual(SHUTDOWN_SECONDS + 15);
  });

  it.each(processes)('$name sets only variables that Hivepulse reads, and says no secret', ({ envVars }) => {
    expect(unknownVariables(envVars.map(({ key }) => key))).toEqual([]);
    const written = envVars.flatMap((one) => ('value' in one ? [one.key] : []));
    expect(written.filter((key) => unknownVariables([`${key}_FILE`]).length === 0)).toEqual([]);
  });

  it('refers only to services and values that it makes', () => {
    const references = processes.flatMap(({ envVars }) => envVars.flatMap((one) => ('fromService' in one ? [one.fromService] : [])));
    const resolved = references.map(({ type, name, property, envVarKey }) => {
      const service = services.find((one) => one.type === type && one.name === name);
      if (service?.type === 'keyvalue') return property === 'connectionString';
      return service?.envVars.some(({ key }) => key === envVarKey) ?? false;
    });
    expect([references.length, resolved.includes(false)]).toEqual([7, false]);
  });

  it('checks the API where it answers, on the port that it is told', () => {
    const [api] = services.filter((service) => service.type === 'web');
    expect(apiAnswers(api?.healthCheckPath ?? '')).toBe(true);
    expect(api?.envVars).toContainEqual({ key: 'PORT', value: defaultOf('PORT') });
  });
});

describe.each(['api', 'worker'])('deploy/railway/%s.json', (role) => {
  const { deploy } = railway.parse(JSON.parse(read(`deploy/railway/${role}.json`)));

  it('runs the role, migrates first, is started again and has time to stop', () => {
    expect([deploy.startCommand, deploy.preDeployCommand]).toEqual([`hivepulse ${role}`, ['hivepulse migrate']]);
    expect([deploy.startCommand, ...deploy.preDeployCommand].filter((command) => !isRole(command))).toEqual([]);
    expect(deploy.drainingSeconds).toBeGreaterThanOrEqual(SHUTDOWN_SECONDS + 15);
  });

  it('is checked where it answers', () => {
    expect(deploy.healthcheckPath === undefined || apiAnswers(deploy.healthcheckPath)).toBe(true);
  });
});
