/** Access to connected accounts: what the callers of a provider's API need. */
export interface Accounts {
  /**
   * A token that is good for a minute at least. Refreshed where needed, once for all processes at a time.
   * `rejected`: the token that the provider has just refused; another one is got.
   * Throws `PermanentError` `reauth_required` (the user must connect again; marked and told once) or `not_connected`, `UnavailableError` for everything else.
   */
  accessToken(connectionId: string, options?: { rejected?: string; signal?: AbortSignal }): Promise<string>;
}
