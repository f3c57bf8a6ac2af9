/** Where files live: Supabase Storage, or a folder. Paths are `a/b/c`, made by us, never by users. */
export interface FileStorage {
  /** Takes the stream as it comes, never whole in memory; what stood there is replaced. A broken stream leaves nothing behind that `get` would answer. */
  put(path: string, source: AsyncIterable<Uint8Array>, options: PutOptions): Promise<void>;
  /** Throws `NotFoundError` where there is none. The stream itself throws `UnavailableError` when it breaks off. */
  get(path: string, options: { signal: AbortSignal }): Promise<AsyncIterable<Uint8Array>>;
  /** What is gone already is no error. */
  remove(paths: readonly string[], options: { signal: AbortSignal }): Promise<void>;
}

export interface PutOptions {
  contentType: string;
  /** Where it is known: some servers want it beforehand. */
  sizeBytes?: number;
  signal: AbortSignal;
}
