import fastifyCors from '@fastify/cors';
import fastifyHelmet from '@fastify/helmet';
import type { ApiOptions, App } from '../deps.ts';

/** Nothing from elsewhere, no inline scripts. Swagger UI and Bull Board need inline styles; Bull Board's web fonts stay out and it falls back to the system's. */
export const contentSecurityPolicy = {
  'default-src': ["'self'"],
  'script-src': ["'self'"],
  'style-src': ["'self'", "'unsafe-inline'"],
  'img-src': ["'self'", 'data:'],
  'font-src': ["'self'", 'data:'],
  'connect-src': ["'self'"],
  'object-src': ["'none'"],
  'base-uri': ["'self'"],
  'form-action': ["'self'"],
  'frame-ancestors': ["'none'"],
};

/** Security headers on every answer; other origins only as configured. */
export async function secure(app: App, { corsOrigins, publicUrl }: Pick<ApiOptions, 'corsOrigins' | 'publicUrl'>): Promise<void> {
  await app.register(fastifyHelmet, {
    contentSecurityPolicy: { useDefaults: false, directives: contentSecurityPolicy },
    // Over plain HTTP the header means nothing, and must not be promised.
    strictTransportSecurity: publicUrl.startsWith('https:') ? { maxAge: 31_536_000 } : false,
  });
  app.addHook('onRequest', async (request, reply) => {
    if (!request.url.startsWith('/docs') && !request.url.startsWith('/admin/queues/static')) reply.header('cache-control', 'no-store');
  });
  if (corsOrigins.length === 0) return;
  const toAll = corsOrigins.includes('*');
  await app.register(fastifyCors, {
    origin: toAll ? true : [...corsOrigins],
    // The cookie that binds a round trip to its browser; never for all the world.
    credentials: !toAll,
    methods: ['GET', 'POST', 'PATCH', 'PUT', 'DELETE'],
    allowedHeaders: ['Authorization', 'Content-Type', 'X-User-Id', 'X-Correlation-Id', 'Idempotency-Key', 'Last-Event-ID'],
    exposedHeaders: ['X-Correlation-Id', 'Retry-After', 'X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'],
    maxAge: 600,
  });
}
