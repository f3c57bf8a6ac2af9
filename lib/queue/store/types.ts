/** Small shared facts with a life of their own, on the queue's backend (Lua on Redis, SQL functions on Postgres). Times come from the backend's clock. */
export interface Store {
  /** Milliseconds since the epoch until which `key` must not be used; 0 = free. */
  limitedUntil(key: string): Promise<number>;
  /** Never shortens a pause that is already longer. */
  limit(key: string, untilMs: number): Promise<void>;

  /** Takes `cost` tokens or none. `waitMs` is when enough will have come back. A cost above the capacity is an error. */
  takeTokens(
    key: string,
    bucket: { capacity: number; refillPerSecond: number },
    cost: number,
  ): Promise<{ taken: true } | { taken: false; waitMs: number }>;

  /** One of `limit` places for `holder`, until released or `leaseMs` after the last renewal. Holding it already renews it. */
  acquire(key: string, holder: string, options: { limit: number; leaseMs: number }): Promise<boolean>;
  /** Does nothing for one who holds none. */
  release(key: string, holder: string): Promise<void>;

  /** Raised until cleared or `ttlMs` are over. */
  setFlag(key: string, value: string, ttlMs: number): Promise<void>;
  clearFlag(key: string): Promise<void>;
  /** One round trip for all; undefined where not raised. */
  flags(keys: readonly string[]): Promise<(string | undefined)[]>;

  /**
   * Single flight: the first caller leads, for `leaseMs` at most; the others get the leader's value once it has been published, until then `pending`.
   * `fence` grows with every new leader of a key.
   */
  lead(
    key: string,
    holder: string,
    leaseMs: number,
  ): Promise<{ role: 'leader'; fence: number } | { role: 'pending' } | { role: 'follower'; value: string }>;
  /** False when the lease was lost to another leader meanwhile: nothing was published. */
  publish(key: string, holder: string, value: string, ttlMs: number): Promise<boolean>;
  /** Gives the lead up without a value. */
  abandon(key: string, holder: string): Promise<void>;
}
