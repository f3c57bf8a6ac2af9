import { type AnsweredPart, type BatchPart, MAX_PARTS, noBatch, readBatch, tooManyParts, writeBatch } from './batch.ts';
import { answerConsent, type ConsentDeps } from './consent.ts';
import { answerDrive, type DriveDeps, driveMethodOf, isDrive } from './drive/drive.ts';
import { answerGmail, type GmailDeps, methodOf, tokenOf, unauthorized } from './gmail.ts';
import { type Call, json, type Reply, refuse } from './http.ts';
import type { Entry, Method, WritableJournal } from './journal.ts';
import type { OAuth } from './oauth.ts';

export interface RouterDeps {
  oauth: OAuth;
  consent: ConsentDeps;
  gmail: GmailDeps;
  drive: DriveDeps;
  journal: WritableJournal;
  refusesWholeBatch: boolean;
}

interface Answered {
  reply: Reply;
  entry: Entry;
}

/** Answers an HTTP call, and says what it was. */
export function createRouter({ oauth, consent, gmail, drive, journal, refusesWholeBatch }: RouterDeps): (call: Call) => Answered {
  const { faults, grants } = gmail;

  const token = (call: Call): Reply =>
    faults.tokensDown ? json(503, { error: 'internal_failure', error_description: 'Made to fail' }) : oauth.token(call);
  const routes: Readonly<Record<string, readonly [Method, (call: Call) => Reply]>> = {
    'GET /o/oauth2/v2/auth': ['consent', (call) => answerConsent(call, consent)],
    'POST /token': ['token', token],
    'POST /revoke': ['revoke', oauth.revoke],
    'GET /oauth2/v3/certs': ['certs', oauth.certs],
    'POST /batch': ['batch', answerBatch],
    'POST /batch/gmail/v1': ['batch', answerBatch],
  };

  function answerBatch(call: Call): Reply {
    const failed = faults.takeFailure('batch');
    if (failed) return failed;
    if (refusesWholeBatch && !grants.check(tokenOf(call))) return unauthorized();
    const parts = readBatch(call);
    if (!parts) return noBatch();
    if (parts.length > MAX_PARTS) return tooManyParts();
    return writeBatch(faults.order(parts.map(answerPart)));
  }
  function answerPart({ contentId, call }: BatchPart): AnsweredPart {
    const method = call ? methodOf(call) : 'other';
    const reply = call ? answerGmail(call, gmail) : refuse(400, { message: 'Failed to parse batch part', reason: 'badRequest' });
    journal.notePart(method, reply.status);
    return { contentId, reply };
  }
  function answer(call: Call): [Method, Reply] {
    const route = routes[`${call.method} ${call.path}`];
    if (route) return [route[0], route[1](call)];
    const method = isDrive(call) ? driveMethodOf(call) : methodOf(call);
    return [method, faults.takeFailure(method) ?? (isDrive(call) ? answerDrive(call, drive) : answerGmail(call, gmail))];
  }
  return (call) => {
    const email = grants.check(tokenOf(call))?.email;
    const [method, reply] = answer(call);
    return { reply, entry: { method, email, status: reply.status, paths: pathsOf(method, call) } };
  };
}

function pathsOf(method: Method, call: Call): string[] {
  return method === 'batch' ? (readBatch(call) ?? []).map((part) => part.call?.path ?? '') : [call.path];
}
