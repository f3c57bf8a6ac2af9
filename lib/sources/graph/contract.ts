/** Microsoft Graph, as the connectors of SharePoint and Outlook use it. */

export interface GraphRequest {
  /** For error messages and logs, such as `drive delta`: never an address, which may hold names. */
  method: string;
  headers?: Readonly<Record<string, string>>;
  /** What of the source's settings it was made from. */
  fields?: readonly string[];
}

/**
 * Each call waits for the account's pauses, has a timeout and a bounded retry, and asks for a new token once when the old one is refused.
 * Throws `RateLimitedError` (key `account:microsoft:<connection id>`), `UnavailableError`, `PermanentError` (`reauth_required`, `forbidden`,
 * `invalid_request`; `details.status` and `details.reason` as Graph said it).
 */
export interface Graph {
  /** `path` such as `/me/drive/root/delta`, or a link that Graph has given (`@odata.nextLink`): links elsewhere are refused, since the token goes along. */
  get<T>(path: string, request: GraphRequest): Promise<T>;
  /** As `get`; undefined where Graph says 404. */
  find<T>(path: string, request: GraphRequest): Promise<T | undefined>;
  post<T>(path: string, body: unknown, request: GraphRequest): Promise<T>;
  patch<T>(path: string, body: unknown, request: GraphRequest): Promise<T>;
  /** What is gone already is no error. */
  remove(path: string, request: GraphRequest): Promise<void>;
  /** The bytes at a path of Graph's, or at an address that Graph has signed (then without the token). Undefined: 404; of a signed one also 401, 403 and 410: it is valid no more. */
  download(address: { path: string } | { signedUrl: string }, request: GraphRequest): Promise<GraphDownload | undefined>;
  readonly calls: number;
}

export interface GraphDownload {
  mimeType: string | null;
  sizeBytes: number | undefined;
  content: AsyncIterable<Uint8Array>;
}
