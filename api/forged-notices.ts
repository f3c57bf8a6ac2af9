import type { FastifyRequest } from 'fastify';
import type { App } from './deps.ts';
import { HttpError } from './errors.ts';

/**
 * Answers a notice that is not genuine: 401, and 429 once there are too many. They are counted by address; what is genuine is not, since it comes
 * for everybody from a few addresses of a provider's.
 */
export function createRefuseForged(app: App): (request: FastifyRequest, message: string) => Promise<never> {
  const countForged = app.createRateLimit();
  return async (request, message) => {
    request.rateKey = `notice:${request.ip}`;
    const limit = await countForged(request);
    if (!limit.isAllowed && limit.isExceeded) throw new HttpError(429, 'too_many_requests', 'Too many notices that are not genuine.');
    throw new HttpError(401, 'unauthorized', message);
  };
}
