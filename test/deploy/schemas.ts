import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject';
import { TriggerAuthentication } from '@kubernetes-models/keda/keda.sh/v1alpha1/TriggerAuthentication';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { Job } from 'kubernetes-models/batch/v1/Job';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { Secret } from 'kubernetes-models/v1/Secret';
import { Service } from 'kubernetes-models/v1/Service';
import { z } from 'zod';
import { messageOf } from '../../lib/errors.ts';
import type { KubernetesObject } from './kustomize.ts';

/** Each checks its `this` with ajv, by the API server's own OpenAPI document or KEDA's, and throws what is wrong. Unknown fields are nothing to them. */
const models = [ConfigMap, Deployment, Job, NetworkPolicy, PodDisruptionBudget, ScaledObject, Secret, Service, TriggerAuthentication];
const schemas = new Map(models.map((model) => [`${model.apiVersion} ${model.kind}`, model.prototype.validate]));

/** Of the Prometheus Operator: what we use of it. */
const labels = z.record(z.string(), z.string());
const selector = z.strictObject({
  matchLabels: labels.optional(),
  matchExpressions: z.array(z.strictObject({ key: z.string(), operator: z.literal('In'), values: z.array(z.string()) })).optional(),
});
const endpoint = z.strictObject({
  port: z.string(),
  path: z.string(),
  interval: z.string().regex(/^\d+s$/),
  authorization: z.strictObject({ type: z.literal('Bearer'), credentials: z.strictObject({ name: z.string(), key: z.string() }) }).optional(),
});
const podMonitor = z.strictObject({
  apiVersion: z.literal('monitoring.coreos.com/v1'),
  kind: z.literal('PodMonitor'),
  metadata: z.strictObject({ name: z.string(), namespace: z.string().optional(), labels }),
  spec: z.strictObject({ selector, podMetricsEndpoints: z.array(endpoint).min(1) }),
});
schemas.set('monitoring.coreos.com/v1 PodMonitor', function (this: unknown) {
  podMonitor.parse(this);
});

/** What the official schema of its kind has against an object, and fields that the schema does not know. Empty: nothing. */
export function problemsOf(object: KubernetesObject): string[] {
  const kind = `${object.apiVersion} ${object.kind}`;
  const validate = schemas.get(kind);
  if (validate === undefined) return [`${kind}: no schema`];
  const read = new Set<string>();
  const wrong = messageWhere(() => validate.call(watched(object, '', read)));
  const unknown = pathsOf(object).filter((path) => !read.has(path));
  return [...wrong, ...unknown.map((path) => `${path} is unknown`)].map((problem) => `${kind} ${object.metadata.name}: ${problem}`);
}

function messageWhere(fails: () => void): string[] {
  try {
    fails();
    return [];
  } catch (error) {
    return [messageOf(error)];
  }
}

/** A schema looks at each field that it knows, and at no other. */
function watched(value: unknown, path: string, read: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get: (target, key) => {
      const child = Reflect.get(target, key);
      if (typeof key === 'symbol') return child;
      read.add(`${path}/${key}`);
      return watched(child, `${path}/${key}`, read);
    },
  });
}

function pathsOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => [`${path}/${key}`, ...pathsOf(child, `${path}/${key}`)]);
}
