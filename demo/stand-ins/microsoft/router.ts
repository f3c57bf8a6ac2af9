/** Who answers a call: the identity platform, Graph, or the host of downloads. */
import { answerBatch, isMailPath, LANES, lanesOf } from './batch.ts';
import { answerConsent, type ConsentDeps } from './consent.ts';
import type { MicrosoftLeniences } from './contract.ts';
import { answerDownload, originOf } from './drives.ts';
import { type ActiveFaults, tooManyAtOnce } from './faults.ts';
import type { Grant, Grants } from './grants.ts';
import { type GraphDeps, parseGraphPath, type Route, routeGraph, unauthorized } from './graph.ts';
import { type Call, json, type Reply, refuse } from './http.ts';
import type { WritableJournal } from './journal.ts';
import type { Handling } from './listen.ts';
import { ISSUER, type OAuth } from './oauth.ts';

export interface RouterDeps {
  oauth: OAuth;
  consent: ConsentDeps;
  grants: Grants;
  graph: GraphDeps;
  faults: ActiveFaults;
  journal: WritableJournal;
  lenient: MicrosoftLeniences;
}

interface Answered {
  method: string;
  reply: Reply;
  /** An answer of the identity platform is never cut. */
  whole?: boolean;
}

export interface Router {
  begin(call: Call): () => void;
  answer(call: Call): Promise<Handling>;
}

/** The tenant, then what is asked of it. */
const IDENTITY_PATH = /^\/[\w.-]+\/(oauth2\/v2\.0\/(?:authorize|token)|discovery\/v2\.0\/keys|v2\.0\/\.well-known\/openid-configuration)$/;

export function createRouter({ oauth, consent, grants, graph, faults, journal, lenient }: RouterDeps): Router {
  /** How many places at its mailbox a call wanted in vain. */
  const refused = new WeakMap<Call, number>();

  const grantOf = (call: Call): Grant | undefined => grants.check(/^Bearer (.+)$/i.exec(call.headers.authorization ?? '')?.[1] ?? '');

  /** Calls on a mailbox are counted from here until their answer is out. */
  function begin(call: Call): () => void {
    const path = call.path.replace(/^\/v1\.0/i, '');
    const places = isMailPath(path) ? 1 : isBatch(path) ? Math.min(lanesOf(call), lenient.batchTakesOnePlace ? 1 : LANES) : 0;
    const email = places > 0 ? grantOf(call)?.email : undefined;
    if (email === undefined) return () => {};
    const entered = Array.from({ length: places }, () => faults.enter(email));
    refused.set(call, entered.filter((isIn) => !isIn).length);
    return () => {
      for (const _ of entered) faults.leave(email);
    };
  }
  function answerIdentity(call: Call, asked: string): Answered {
    if (asked === 'oauth2/v2.0/authorize') return { method: 'authorize', reply: answerConsent(call, consent) };
    if (asked === 'oauth2/v2.0/token') return { method: 'token', reply: answerToken(call) };
    if (asked.startsWith('discovery')) return { method: 'keys', reply: oauth.keys() };
    return { method: 'configuration', reply: json(200, configurationOf(originOf(call))) };
  }
  function answerToken(call: Call): Reply {
    if (faults.tokensDown)
      return json(503, {
        error: 'temporarily_unavailable',
        error_description: 'AADSTS90033: A transient error has occurred. Please try again.',
        error_codes: [90033],
      });
    return call.method === 'POST'
      ? oauth.token(call)
      : json(405, { error: 'invalid_request', error_description: 'AADSTS900561: The endpoint only accepts POST requests.', error_codes: [900561] });
  }
  async function answerGraph(call: Call): Promise<Answered> {
    const grant = grantOf(call);
    if (!grant) {
      const given = call.headers.authorization !== undefined;
      const reply = unauthorized(given ? 'Lifetime validation failed, the token is expired.' : 'Access token is empty.');
      return { method: 'unauthorized', reply };
    }
    if (isBatch(call.path.replace(/^\/v1\.0/i, ''))) {
      const answerPart = (part: Call, isFull: boolean) => answerRoute(routeGraph(part, parseGraphPath(part), grant, graph), isFull);
      return { method: 'batch', reply: await answerBatch(call, answerPart, refused.get(call) ?? 0) };
    }
    const route = routeGraph(call, parseGraphPath(call), grant, graph);
    return { method: route.method, reply: await answerRoute(route, (refused.get(call) ?? 0) > 0) };
  }
  /** Each part of a batch by itself, as Graph limits them. */
  async function answerRoute({ service, answer }: Route, isFull: boolean): Promise<Reply> {
    if (isFull && service === 'outlook') return tooManyAtOnce();
    return faults.takeFailure(service) ?? (await answer());
  }
  async function dispatch(call: Call): Promise<Answered> {
    const asked = IDENTITY_PATH.exec(call.path)?.[1];
    if (asked !== undefined) return { ...answerIdentity(call, asked), whole: true };
    if (call.path.startsWith('/download/')) {
      return { method: 'download', reply: faults.takeFailure('sharepoint') ?? answerDownload(graph.drives, call, graph.now()) };
    }
    if (/^\/v1\.0\//i.test(call.path)) return answerGraph(call);
    return { method: 'other', reply: refuse(404, { code: 'ResourceNotFound', message: 'Invalid version.' }) };
  }
  return {
    begin,
    async answer(call) {
      const { method, reply, whole = false } = await dispatch(call);
      journal.note(method, reply.status, call);
      return { reply, cut: !whole && faults.takeCut() };
    },
  };
}

const isBatch = (path: string): boolean => /^\/\$batch$/i.test(path);

function configurationOf(origin: string): object {
  const base = `${origin}/common/oauth2/v2.0`;
  return {
    issuer: ISSUER,
    authorization_endpoint: `${base}/authorize`,
    token_endpoint: `${base}/token`,
    jwks_uri: `${origin}/common/discovery/v2.0/keys`,
    response_modes_supported: ['query', 'fragment', 'form_post'],
    response_types_supported: ['code'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
    token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
  };
}
