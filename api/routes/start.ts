import type { ApiDeps, App } from '../deps.ts';
import { renderStartPage } from '../pages/start.html.ts';
import { contentSecurityPolicy } from '../plugins/security.ts';

/** `/`: open while bound to loopback, else behind the same door as everything. */
export function startRoute(app: App, { options, boardQueues }: Pick<ApiDeps, 'options' | 'boardQueues'>): void {
  const page = renderStartPage({ publicUrl: options.publicUrl, mode: options.mode, board: boardQueues !== undefined });
  const policy = Object.entries({ ...contentSecurityPolicy, 'script-src': [page.scriptHash] })
    .map(([directive, sources]) => `${directive} ${sources.join(' ')}`)
    .join('; ');
  app.get('/', {
    config: { access: 'local' },
    schema: { hide: true },
    handler: async (_request, reply) => reply.header('content-security-policy', policy).type('text/html; charset=utf-8').send(page.html),
  });
}
