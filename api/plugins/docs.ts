import fastifySwagger from '@fastify/swagger';
import fastifySwaggerUi from '@fastify/swagger-ui';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import type { Access } from '../access.ts';
import type { App } from '../deps.ts';

const description = `Background jobs for Supabase apps: put work on named queues, watch it run, read what came out.

Press **Authorize** and paste an API key (or the access token of a signed-in user). A service may name the user it acts for in \`X-User-Id\`.

- Every failure has one shape: \`{ success: false, error: { code, message, details? } }\`.
- Each answer carries \`X-Correlation-Id\`; send your own and you find it again in every log line of the jobs you started.
- RATE_LIMIT requests per minute and caller; the answer to one more is 429 with \`Retry-After\`.`;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Of a route that takes bodies of several kinds and reads them itself: what the OpenAPI document says of each, by media type. */
    requestBody?: Readonly<Record<string, { schema: object }>>;
  }
}

const notes: Partial<Record<Access, string>> = {
  caller: 'Users and services.',
  stream: 'Users and services, or a short-lived token in the query.',
  service: 'Services only (API key).',
  admin: 'Services (API key) and administrators (basic auth).',
  open: 'Needs no key.',
  optional: 'Needs no key; with one it tells more.',
};

/** OpenAPI 3 derived from the routes' zod schemas, and Swagger UI at /docs. */
export async function document(app: App, options: { rateLimitPerMinute: number }): Promise<void> {
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Hivepulse', version: '0.1.0', description: description.replace('RATE_LIMIT', `${options.rateLimitPerMinute}`) },
      tags: [
        { name: 'stories', description: 'Stories scored for hype and ethics, then refined by a language model' },
        { name: 'review jobs', description: 'Replies to reviews, and what is in reviews and prompts; paid with credits' },
        { name: 'conversations', description: 'Answers in, themes and a map out' },
        { name: 'connections', description: 'Google accounts that users have given access to' },
        { name: 'mail', description: 'Fetch Gmail messages, follow mailboxes, read what was fetched' },
        { name: 'deal room', description: 'Deals with their documents, e-mails, risks, blockers and briefs' },
        { name: 'briefs', description: 'Briefs now, not when they are due' },
        { name: 'schedules', description: 'Briefs and reports at times of one’s own' },
        { name: 'sources', description: 'Where deals fill themselves from: Google Drive, SharePoint, Gmail, Outlook' },
        { name: 'credits', description: 'Balance, prices and every movement of credits' },
        { name: 'queues', description: 'Any job: ask for it, watch it, retry it, cancel it' },
        { name: 'dead letters', description: 'Jobs that failed for good: found, grouped by their error, run again' },
        { name: 'health', description: 'Probes and figures' },
      ],
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: 'An API key, or the access token of a Supabase user' },
          actingFor: { type: 'apiKey', in: 'header', name: 'X-User-Id', description: 'With an API key: the uuid of the user it acts for (optional)' },
        },
      },
    },
    transform: (input) => {
      const { schema, url } = jsonSchemaTransform(input);
      const access = input.route.config?.access ?? 'caller';
      const text = [schema?.description, notes[access]].filter(Boolean).join('\n\n');
      const security = access === 'open' || access === 'optional' ? [] : [{ bearer: [] }, { bearer: [], actingFor: [] }];
      const { requestBody } = input.route.config ?? {};
      const body = requestBody ? { body: { content: requestBody } } : {};
      return { schema: { ...schema, ...body, ...(text ? { description: text } : {}), security }, url };
    },
  });
  await app.register(async (scope) => {
    scope.addHook('onRoute', (route) => {
      route.config = { ...route.config, access: 'local' };
    });
    await scope.register(fastifySwaggerUi, {
      routePrefix: '/docs',
      validatorUrl: false,
      // The bar holds Fastify's logo and a field for other specifications.
      theme: { title: 'Hivepulse API', css: [{ filename: 'plain.css', content: '.swagger-ui .topbar{display:none}' }] },
      uiConfig: {
        docExpansion: 'list',
        persistAuthorization: true,
        tryItOutEnabled: true,
        displayRequestDuration: true,
        defaultModelsExpandDepth: -1,
      },
    });
  });
}
