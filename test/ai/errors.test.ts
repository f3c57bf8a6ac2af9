import { describe, expect, it } from 'vitest';
import { DEFAULT_RETRY_AFTER_MS, failedResponse, retryAfterMs, toAiError } from '../../lib/ai/errors.ts';
import { PermanentError, RateLimitedError, UnavailableError } from '../../lib/errors.ts';

const NOW = Date.parse('2026-11-22T08:00:00Z');
const SECRET = 'sk-secret-1234';

/** As both SDKs throw it. */
function httpError(status: number, { headers = {}, ...rest }: { headers?: Record<string, string>; [key: string]: unknown } = {}): Error {
  const body = { message: `prompt text and ${SECRET}` };
  return Object.assign(new Error(`${status} prompt text and ${SECRET}`), { status, headers: new Headers(headers), error: body, ...rest });
}

describe('errors of the vendors', () => {
  it.each([
    [500, 'provider_unavailable'],
    [502, 'provider_unavailable'],
    [503, 'provider_unavailable'],
    [529, 'provider_unavailable'],
    [408, 'provider_unavailable'],
    [409, 'provider_unavailable'],
  ])('make status %i worth another attempt', (status, code) => {
    const error = toAiError(httpError(status), 'anthropic', NOW);
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error).toMatchObject({ code, retryable: true, details: { provider: 'anthropic', status } });
  });

  it.each([
    [400, {}, 'provider_rejected'],
    [404, {}, 'provider_rejected'],
    [413, {}, 'provider_rejected'],
    [422, {}, 'provider_rejected'],
    [402, {}, 'provider_quota'],
    [429, { code: 'insufficient_quota' }, 'provider_quota'],
    [400, { type: 'billing_error' }, 'provider_quota'],
    [401, {}, 'provider_auth'],
    [403, {}, 'provider_auth'],
  ])('make status %i with %o final', (status, fields, code) => {
    const error = toAiError(httpError(status, fields), 'openai', NOW);
    expect(error).toBeInstanceOf(PermanentError);
    expect(error).toMatchObject({ code, retryable: false });
  });

  it.each([
    ['openai', 'OPENAI_API_KEY'],
    ['anthropic', 'ANTHROPIC_API_KEY'],
  ] as const)('name the variable of the key of %s when it is not accepted', (vendor, variable) => {
    expect(toAiError(httpError(401), vendor, NOW).message).toContain(variable);
    expect(toAiError(httpError(429, { code: 'insufficient_quota' }), vendor, NOW).message).toContain(variable);
  });

  it.each([
    [404, {}, 'OPENAI_MODEL'],
    [400, { code: 'context_length_exceeded' }, 'shorten'],
    [400, { code: 'invalid_json_schema', param: 'text.format.schema' }, 'text.format.schema'],
    [400, { code: 'unsupported_parameter', param: 'reasoning.effort' }, 'reasoning.effort'],
  ])('say what to fix for status %i with %o', (status, fields, advice) => {
    expect(toAiError(httpError(status, fields), 'openai', NOW).message).toContain(advice);
  });

  it('carry neither what the vendor wrote nor the error it came in', () => {
    const sentence = { code: `the key ${SECRET} is wrong`, param: 'a whole sentence from the prompt' };
    for (const status of [400, 401, 402, 429, 500]) {
      const error = toAiError(httpError(status, sentence), 'openai', NOW);
      const everything = JSON.stringify({ message: error.message, details: error.details, cause: error.cause });
      expect(everything).not.toContain(SECRET);
      expect(everything).not.toContain('prompt');
    }
  });

  it('count a connection that could not be made or broke as away, with the system code', () => {
    const refused = Object.assign(new Error('Connection error.'), {
      cause: Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNREFUSED' } }),
    });
    expect(toAiError(refused, 'openai', NOW)).toMatchObject({ code: 'provider_unreachable', retryable: true, details: { reason: 'ECONNREFUSED' } });
    expect(toAiError(new SyntaxError('Unexpected token'), 'openai', NOW)).toMatchObject({ code: 'provider_unreachable', retryable: true });
  });

  it('let errors that are already ours through', () => {
    const ours = new PermanentError('no', { code: 'model_refused' });
    expect(toAiError(ours, 'openai', NOW)).toBe(ours);
  });

  it('turn a response that says it failed into the same classes', () => {
    expect(failedResponse('openai', 'rate_limit_exceeded')).toBeInstanceOf(RateLimitedError);
    expect(failedResponse('openai', 'server_error')).toBeInstanceOf(UnavailableError);
    expect(failedResponse('openai', 'invalid_prompt')).toMatchObject({ code: 'provider_rejected' });
  });
});

describe('a rate limit', () => {
  it.each([
    [{ 'retry-after': '2' }, 2_000],
    [{ 'retry-after': '0.5' }, 500],
    [{ 'retry-after': 'Sun, 22 Nov 2026 08:01:30 GMT' }, 90_000],
    [{ 'retry-after-ms': '1500', 'retry-after': '9' }, 1_500],
    [{ 'retry-after': '0' }, 100],
    [{ 'retry-after': 'Sun, 22 Nov 2026 07:00:00 GMT' }, 100],
    [{ 'retry-after': '99999999' }, 86_400_000],
    [{ 'retry-after': 'soon' }, undefined],
    [{}, undefined],
  ])('reads %o as %s ms', (headers, expected) => {
    expect(retryAfterMs(new Headers(headers), NOW)).toBe(expected);
  });

  it('is about the vendor, for as long as it says, else for 20 s', () => {
    expect(toAiError(httpError(429, { headers: { 'retry-after': '2' } }), 'openai', NOW)).toMatchObject({
      key: 'provider:openai',
      retryAfterMs: 2_000,
    });
    expect(toAiError(httpError(429), 'anthropic', NOW)).toMatchObject({ key: 'provider:anthropic', retryAfterMs: DEFAULT_RETRY_AFTER_MS });
    expect(DEFAULT_RETRY_AFTER_MS).toBe(20_000);
  });

  it('passes on what a failing vendor says about when to come back', () => {
    expect(toAiError(httpError(503, { headers: { 'retry-after': '7' } }), 'openai', NOW).details).toMatchObject({ retryAfterMs: 7_000 });
  });
});
