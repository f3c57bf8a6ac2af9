import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { findProgram, root } from './facts.ts';

/** A Kubernetes object, as far as these tests look into it. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  // biome-ignore lint/suspicious/noExplicitAny: the shapes are checked against the official schemas.
  spec?: any;
  data?: Record<string, string>;
}

interface Kustomization {
  resources?: string[];
  components?: string[];
  configurations?: string[];
  configMapGenerator?: { name: string; envs: string[] }[];
  secretGenerator?: { name: string; envs: string[] }[];
}

const HOME = join(root, 'deploy/kubernetes');
const OVERLAY = 'overlays/production';
const FILE = 'kustomization.yaml';
/** Comes with a file that git ignores, and shows how it is filled in. */
const EXAMPLE = '.example';
/** Components that an overlay has commented out. */
const MENTIONED = /^( +)# (- \.\.\/\S+)$/gm;

/** Below `deploy/kubernetes/`. */
const folders = globSync(`**/${FILE}`, { cwd: HOME }).map(dirname).sort();

/** What the kustomizations name but is not there, and what is there but nobody names; below `deploy/kubernetes/`. */
export function strays(): { missing: string[]; unnamed: string[] } {
  const named = folders.flatMap((folder) => namedIn(folder).map((path) => join(folder, path)));
  const missing = named.filter((path) => !existsSync(join(HOME, path)) && !existsSync(join(HOME, `${path}${EXAMPLE}`)));
  const files = globSync('**/*.*', { cwd: HOME }).filter((path) => ![FILE, 'README.md'].includes(basename(path)));
  const found = [...files.map((path) => path.replace(EXAMPLE, '')), ...folders.filter((folder) => !folder.startsWith('overlays/'))];
  return { missing, unnamed: found.filter((path) => !named.includes(path)) };
}

/** Objects as they stand in the files, before anything is generated or patched. */
export function writtenObjects(): KubernetesObject[] {
  const files = folders.flatMap((folder) => (kustomizationIn(folder).resources ?? []).map((path) => join(HOME, folder, path)));
  return files.filter((path) => path.endsWith('.yaml')).flatMap((path) => parseObjects(readFileSync(path, 'utf8')));
}

/** Its path, if there is one. */
export const kubectl = findProgram('kubectl');

/** What `kubectl apply -k` would send for the example, its secrets filled in from the examples; `all`: with the components that it only mentions. */
export function build({ all = false } = {}): KubernetesObject[] {
  const copy = mkdtempSync(join(tmpdir(), 'hivepulse-kustomize-'));
  try {
    cpSync(HOME, copy, { recursive: true });
    const overlay = join(copy, OVERLAY);
    for (const example of globSync(`*${EXAMPLE}`, { cwd: overlay })) cpSync(join(overlay, example), join(overlay, basename(example, EXAMPLE)));
    if (all) writeFileSync(join(overlay, FILE), textOf(OVERLAY).replaceAll(MENTIONED, '$1$2'));
    return parseObjects(execFileSync(kubectl ?? 'kubectl is missing', ['kustomize', overlay], { encoding: 'utf8', timeout: 30_000 })).map(
      withWholeLines,
    );
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function namedIn(folder: string): string[] {
  const { resources = [], components = [], configurations = [], configMapGenerator = [], secretGenerator = [] } = kustomizationIn(folder);
  const mentioned = [...textOf(folder).matchAll(MENTIONED)].map(([, , path]) => path?.replace('- ', '') ?? '');
  return [...resources, ...components, ...mentioned, ...configurations, ...[...configMapGenerator, ...secretGenerator].flatMap(({ envs }) => envs)];
}

function kustomizationIn(folder: string): Kustomization {
  return parse(textOf(folder));
}

function textOf(folder: string): string {
  return readFileSync(join(HOME, folder, FILE), 'utf8');
}

function parseObjects(text: string): KubernetesObject[] {
  return parseAllDocuments(text).map((document) => {
    if (document.errors.length > 0) throw new Error(document.errors.join('\n'));
    return document.toJS();
  });
}

/** Long values of Secrets are broken into lines, which base64 allows and the schema does not. */
function withWholeLines(object: KubernetesObject): KubernetesObject {
  if (object.kind !== 'Secret') return object;
  const data = Object.fromEntries(Object.entries(object.data ?? {}).map(([key, value]) => [key, value.replaceAll('\n', '')]));
  return { ...object, data };
}
