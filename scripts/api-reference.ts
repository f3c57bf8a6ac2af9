import { writeFile } from 'node:fs/promises';
import type { ApiDeps } from '../api/deps.ts';
import { buildServer } from '../api/server.ts';
import { silentLogger } from '../lib/log.ts';
import { limitsOf, typeOf } from './api-types.ts';
import type { Content, Operation, Parameter, ReferenceDocument } from './openapi.ts';

// Writes docs/api-reference.md from the OpenAPI document of the API itself: node scripts/api-reference.ts

const HEAD = `# API reference

Every route with its parameters, bodies and answers, written by \`node scripts/api-reference.ts\` from the OpenAPI document that a running API shows
at \`/docs/json\`. Who may call, how errors look and what the limits are: [HTTP API](api.md).

Types are written as in TypeScript. \`data\` is what stands in \`{ "success": true, "data": … }\`; an answer that is shaped otherwise is shown whole.`;

export async function renderApiReference(): Promise<string> {
  const { tags, paths } = await openApiDocument();
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ route: `${method.toUpperCase()} ${colons(path)}`, operation })),
  );
  const sections = tags.map(({ name, description }) => {
    const own = operations.filter(({ operation }) => operation.tags?.includes(name));
    return [`## ${capital(name)}`, `${description}.`, ...own.map(({ route, operation }) => section(route, operation))].join('\n\n');
  });
  const homeless = operations.filter(({ operation }) => !tags.some(({ name }) => operation.tags?.includes(name)));
  if (homeless.length > 0) throw new Error(`No tag of api/plugins/docs.ts: ${homeless.map(({ route }) => route).join(', ')}`);
  return `${[HEAD, contents(tags), ...sections].join('\n\n')}\n`;
}

/** Of an API that is put together and never asked: whatever a route would need is not there. */
async function openApiDocument(): Promise<ReferenceDocument> {
  const options = { apiKeys: ['unused'], publicUrl: 'http://localhost:3000', corsOrigins: [], loopback: true, mode: 'services' };
  const parts = { options, log: silentLogger, db: {}, oauth: {} };
  // Handlers use the rest; declaring the routes does not.
  const app = await buildServer(parts as unknown as ApiDeps);
  const document = app.swagger();
  await app.close();
  // As sent over the wire: without what JSON leaves out.
  return JSON.parse(JSON.stringify(document));
}

function contents(tags: ReferenceDocument['tags']): string {
  return tags.map(({ name }) => `[${capital(name)}](#${name.replaceAll(' ', '-')})`).join(' · ');
}

function section(route: string, operation: Operation): string {
  const { summary = '', description, parameters = [], requestBody, responses } = operation;
  return [
    `### ${route}`,
    sentence(summary),
    ...(description === undefined ? [] : [description]),
    ...(parameters.length > 0 ? [parameterTable(parameters)] : []),
    ...(requestBody ? bodies(requestBody.content) : []),
    ...Object.entries(responses).flatMap(([status, answer]) =>
      status.endsWith('XX') ? [] : answerOf(status, answer.description, answer.content ?? {}),
    ),
  ].join('\n\n');
}

function parameterTable(parameters: readonly Parameter[]): string {
  const rows = parameters.map(({ name, in: place, required, schema, description }) => {
    const { default: usual } = schema;
    const notes = [description ?? schema.description, limitsOf(schema), usual === undefined ? undefined : `default ${JSON.stringify(usual)}`]
      .filter(Boolean)
      .join('; ');
    return `| \`${name}\`${required ? '' : '?'} | ${place} | ${cell(`\`${typeOf({ ...schema, description: undefined })}\``)} | ${cell(notes)} |`;
  });
  return ['| parameter | in | type | |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function bodies(content: Content): string[] {
  return Object.entries(content).flatMap(([media, { schema }]) =>
    schema?.format === 'binary' ? [`Body \`${media}\`: the file itself.`] : [`Body \`${media}\`:`, block(typeOf(schema ?? {}))],
  );
}

function answerOf(status: string, description: string, content: Content): string[] {
  const note = description === 'Default Response' || description === '' ? '' : ` ${sentence(description)}`;
  const json = content['application/json']?.schema;
  const others = Object.keys(content).filter((media) => media !== 'application/json' || json === undefined);
  const also = others.length > 0 ? ` ${json ? 'Also as' : 'As'} ${others.map((media) => `\`${media}\``).join(', ')}.` : '';
  if (!json) return [`**${status}**${note}${also}`];
  const { data } = json.properties ?? {};
  const enveloped = data && Object.keys(json.properties ?? {}).length === 2;
  return [`**${status}**${note}${also}`, block(enveloped ? `data: ${typeOf(data)}` : typeOf({ ...json, description: undefined }))];
}

const block = (text: string): string => `\`\`\`ts\n${text}\n\`\`\``;
/** A bar would end the cell. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const colons = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ':$1');
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

if (import.meta.main) await writeFile(new URL('../docs/api-reference.md', import.meta.url), await renderApiReference());
