import type { Access } from './access.ts';

/** How a round trip may end badly. `connection_error` in the address that the browser is sent back to. */
export const TRIP_FAILURES = {
  access_denied: { status: 400, message: 'You did not give access, so nothing was connected. Start again if that was a slip.' },
  link_expired: { status: 400, message: 'This link was used already, or is older than ten minutes. Start again from the app.' },
  wrong_browser: {
    status: 403,
    message:
      'This link was made in another browser. If somebody sent it to you: they may have wanted your mailbox in their account. Else start again here.',
  },
  provider_refused: { status: 400, message: 'The provider did not let the account be connected. Its administrator may have to allow this app.' },
  code_refused: { status: 400, message: 'The provider took back what it had just given. Start again from the app.' },
  identity_refused: {
    status: 400,
    message: 'The provider’s answer does not belong to this link, so nothing was connected. Start again from the app.',
  },
  scope_missing: {
    status: 400,
    message:
      'Access was given, but not to what is needed. Start again, and leave every box ticked. Where there is none, an administrator has to allow it.',
  },
  no_refresh_token: {
    status: 400,
    message: 'The provider gave no lasting access. Remove this app from your account’s third-party access, then start again.',
  },
  provider_unavailable: { status: 503, message: 'The provider does not answer at the moment. Start again in a few minutes.' },
  not_configured: { status: 501, message: 'This server is not set up to connect this account. Its operator finds out why in the log.' },
  internal_error: { status: 500, message: 'Something went wrong on our side. Start again in a few minutes.' },
} as const;

export type TripFailure = keyof typeof TRIP_FAILURES;

/** For the person who waits. `missing`: what the account was to be connected for, and was not. */
export function explainFailure(failure: TripFailure, missing: readonly Access[] = []): { status: number; message: string } {
  const { status, message } = TRIP_FAILURES[failure];
  return { status, message: missing.length === 0 ? message : message.replace('what is needed', `your ${missing.join(' and your ')}`) };
}
