import { beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../lib/config.ts';
import {
  apiRoutes,
  defaultOf,
  imageVariable,
  isBuilt,
  programOf,
  readVariables,
  SHUTDOWN_SECONDS,
  unknownVariables,
  workerAnswers,
} from './facts.ts';
import { build, type KubernetesObject, kubectl, strays, writtenObjects } from './kustomize.ts';
import { problemsOf } from './schemas.ts';

const HOME = 'deploy/kubernetes';
const OVERLAY = `${HOME}/overlays/production`;
const settings = { ...readVariables(`${HOME}/base/settings.env`), ...readVariables(`${OVERLAY}/settings.env`) };
const secrets = readVariables(`${OVERLAY}/secrets.env.example`);
const migrate = readVariables(`${OVERLAY}/migrate.env.example`);
const files = readVariables(`${HOME}/components/secret-files/files.env`);

const written = writtenObjects();
const ofKind = (kind: string, objects = written): KubernetesObject[] => objects.filter((object) => object.kind === kind);
const named = (name: string): KubernetesObject[] => written.filter(({ metadata }) => metadata.name === name);
/** Pod templates of Deployments and Jobs, by role. */
const pods = [...ofKind('Deployment'), ...ofKind('Job')].map(({ spec }) => ({
  labels: spec.template.metadata.labels,
  pod: spec.template.spec,
  container: spec.template.spec.containers[0],
  role: spec.template.spec.containers[0].args[0],
}));
const podOf = (role: string) => pods.find((one) => one.role === role)?.pod;
const containerOf = (role: string) => pods.find((one) => one.role === role)?.container;
const servers = ['api', 'worker', 'scheduler'];

let apiAnswers: (path: string) => boolean;
beforeAll(async () => {
  apiAnswers = await apiRoutes();
});

describe('the files', () => {
  it('are all there, and none lies about unused', () => {
    expect(strays()).toEqual({ missing: [], unnamed: [] });
  });

  it('fit the official schemas, without a field that these do not know', () => {
    expect(written.flatMap(problemsOf)).toEqual([]);
  });

  it('name only variables that Hivepulse reads', () => {
    const inPods = pods.flatMap(({ container }) => (container.env ?? []).map(({ name }: { name: string }) => name));
    expect(unknownVariables([...inPods, ...[settings, secrets, migrate, files].flatMap(Object.keys)])).toEqual([]);
  });

  it('come with example settings that every process starts with', () => {
    for (const role of ['api', 'worker', 'scheduler'] as const) {
      const config = loadConfig({ ...settings, ...secrets }, { role });
      expect([config.mode.kind, config.api.apiKeys.includes(secrets.HIVEPULSE_API_KEY ?? '')]).toEqual(['services', true]);
    }
  });
});

describe('a pod', () => {
  it('runs a role that the image knows, and that the build makes', () => {
    expect(pods.map(({ role }) => role).sort()).toEqual(['api', 'migrate', 'scheduler', 'worker']);
    expect(pods.filter(({ role }) => !isBuilt(programOf(role) ?? ''))).toEqual([]);
  });

  it.each([...servers, 'migrate'])('has no more rights than it needs: %s', (role) => {
    expect(podOf(role)).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 1_000, seccompProfile: { type: 'RuntimeDefault' } },
    });
    expect(containerOf(role)).toMatchObject({
      securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
      volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
    });
  });

  it.each([...servers, 'migrate'])('is not told of Services in variables that look like slips of ours: %s', (role) => {
    const told = { ...settings, ...secrets, HIVEPULSE_API_SERVICE_HOST: '10.0.0.1' };
    expect(() => loadConfig(told, { role: 'worker' })).toThrow('HIVEPULSE_API_SERVICE_HOST');
    expect(podOf(role).enableServiceLinks).toBe(false);
  });

  it.each(servers)('is given longer to stop than its shutdown takes: %s', (role) => {
    const [, wait = '0'] = containerOf(role).lifecycle?.preStop.exec.command ?? [];
    expect(podOf(role).terminationGracePeriodSeconds).toBeGreaterThanOrEqual(Number(wait) + SHUTDOWN_SECONDS + 15);
    expect(Number(settings.SHUTDOWN_TIMEOUT_MS)).toBe(SHUTDOWN_SECONDS * 1_000);
  });

  it.each(servers)('is probed where it answers: %s', (role) => {
    const { ports, startupProbe, livenessProbe, readinessProbe } = containerOf(role);
    const paths = [startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet.path);
    expect(paths).toEqual(['/health/live', '/health/live', '/health/ready']);
    expect(paths.filter((path) => !(role === 'api' ? apiAnswers(path) : workerAnswers(path)))).toEqual([]);
    expect([startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet.port)).toEqual(Array(3).fill(ports[0].name));
  });

  it('listens where it is told to, which is where the image does', () => {
    const portOf = (role: string, variable: string) => {
      const { env, ports } = containerOf(role);
      return [ports[0].containerPort, Number(env.find(({ name }: { name: string }) => name === variable).value)];
    };
    expect(portOf('api', 'PORT')).toEqual([Number(defaultOf('PORT')), Number(imageVariable('PORT'))]);
    const metrics = Number(imageVariable('WORKER_PORT'));
    for (const role of ['worker', 'scheduler']) expect(portOf(role, 'WORKER_PORT')).toEqual([metrics, metrics]);
    const scraped = ofKind('Deployment').flatMap(({ spec }) => spec.template.metadata.annotations?.['prometheus.io/port'] ?? []);
    expect(scraped).toEqual(Array(2).fill(`${metrics}`));
  });

  it('is what some Service, budget and policy select', () => {
    const selectors = [...ofKind('Service'), ...ofKind('PodDisruptionBudget')].map(({ spec }) => spec.selector.matchLabels ?? spec.selector);
    const selects = (wanted: Record<string, string>) =>
      pods.filter(({ labels }) => Object.entries(wanted).every(([key, value]) => labels[key] === value));
    expect(selectors.map((selector) => selects(selector).map(({ role }) => role))).toEqual([['api'], ['worker'], ['api'], ['worker'], ['scheduler']]);
    expect(ofKind('PodDisruptionBudget').map(({ spec }) => spec.maxUnavailable)).toEqual([1, 1, 1]);
  });
});

describe('KEDA', () => {
  const [scaled] = ofKind('ScaledObject');
  const [trigger] = scaled?.spec.triggers ?? [];

  it('asks the Service of the API for a number that the API tells', () => {
    const { hostname, port, pathname } = new URL(trigger.metadata.url);
    const [service] = ofKind('Service').filter(({ metadata }) => metadata.name === hostname.split('.')[0]);
    expect([service?.spec.ports[0].port, apiAnswers(pathname)]).toEqual([Number(port), true]);
    expect(trigger.metadata.valueLocation).toBe('ready');
  });

  it('sends one of the API keys as a bearer token', () => {
    const [authentication] = named(trigger.authenticationRef.name);
    expect([trigger.metadata.authMode, authentication?.spec.secretTargetRef]).toEqual([
      'bearer',
      [{ parameter: 'token', name: 'hivepulse-secrets', key: 'HIVEPULSE_API_KEY' }],
    ]);
  });

  it('keeps one worker at least, and wants no more jobs waiting for each than it runs at a time', () => {
    const { queues } = loadConfig({ ...settings, ...secrets }, { role: 'worker' });
    const atOnce = Object.values(queues).reduce((sum, { concurrency }) => sum + concurrency, 0);
    expect([scaled?.spec.minReplicaCount, scaled?.spec.maxReplicaCount, atOnce]).toEqual([1, 10, 37]);
    expect(Number(trigger.metadata.targetValue)).toBeLessThanOrEqual(atOnce);
  });
});

/** To what an overlay generates; a Job is called hivepulse-migrate too, without a hash. */
const REFERENCE = /"(?:name|secretName)":"(hivepulse-(?:settings|secrets|migrate-)[^"]*)"/g;

// kubectl is looked for on the PATH and never installed; all of the above holds without it.
describe.skipIf(kubectl === undefined)('kubectl kustomize', () => {
  const built = kubectl === undefined ? { example: [], everything: [] } : { example: build(), everything: build({ all: true }) };
  const everything = Object.values(built).flat();

  it('builds objects that fit the official schemas, of the example and with every component', () => {
    expect(everything.flatMap(problemsOf)).toEqual([]);
    expect([built.example.length, built.everything.length]).toEqual([15, 19]);
  });

  it('puts all of them into the namespace, KEDA’s address included, and the image of the overlay into every pod', () => {
    expect(new Set(everything.map(({ metadata }) => metadata.namespace))).toEqual(new Set(['hivepulse']));
    expect(new Set(ofKind('ScaledObject', everything).map(({ spec }) => new URL(spec.triggers[0].metadata.url).host))).toEqual(
      new Set(['hivepulse-api.hivepulse.svc:3000']),
    );
    const images = [...ofKind('Deployment', everything), ...ofKind('Job', everything)].map(({ spec }) => spec.template.spec.containers[0].image);
    expect(new Set(images)).toEqual(new Set(['registry.example.com/hivepulse:0.1.0']));
  });

  it.each(['example', 'everything'] as const)('refers to ConfigMaps and Secrets under the names that they get: %s', (which) => {
    const there = new Set([...ofKind('ConfigMap', built[which]), ...ofKind('Secret', built[which])].map(({ metadata }) => metadata.name));
    const named = [...JSON.stringify(built[which]).matchAll(REFERENCE)].map(([, name]) => name ?? '');
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !there.has(name))).toEqual([]);
  });

  it('gives secrets as files where that component is used, and not as variables too', () => {
    for (const { spec } of ofKind('Deployment', built.everything)) {
      const { volumes, containers } = spec.template.spec;
      expect(containers[0].envFrom).toHaveLength(1);
      const [mount] = containers[0].volumeMounts.filter(({ name }: { name: string }) => name === 'secrets');
      expect([mount.mountPath, volumes.filter(({ name }: { name: string }) => name === 'secrets')]).toMatchObject([
        '/run/secrets/hivepulse',
        [{ secret: { defaultMode: 0o440 } }],
      ]);
    }
    const inFiles = Object.entries(files).map(([name, path]) => [name.replace(/_FILE$/, ''), path.split('/').pop()]);
    expect(inFiles.filter(([name, file = '']) => name !== file || !(file in secrets))).toEqual([]);
  });

  it('lets KEDA alone set the number of workers, and schedulers of their own schedule alone', () => {
    const [api, , worker] = ['api', 'scheduler', 'worker'].map((role) =>
      ofKind('Deployment', built.everything).find(({ metadata }) => metadata.name === `hivepulse-${role}`),
    );
    expect([api?.spec.replicas, worker?.spec.replicas]).toEqual([2, undefined]);
    expect(worker?.spec.template.spec.containers[0].env).toContainEqual({ name: 'SCHEDULER', value: 'off' });
  });
});
