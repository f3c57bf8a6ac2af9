import type { Tracer } from './contract.ts';

/** A span around one request to a provider of mails or documents: who was asked and by which method, never what for. */
export function providerCall<T>(tracer: Tracer | undefined, provider: string, method: string, send: () => Promise<T>): Promise<T> {
  if (!tracer) return send();
  const attributes = { 'peer.service': provider, 'rpc.method': method };
  return tracer.span(`${provider} ${method}`, { kind: 'client', attributes }, send);
}
