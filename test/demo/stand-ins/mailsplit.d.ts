/** What the tests use of it; the package has no types of its own. */
declare module 'mailsplit' {
  import type { Transform } from 'node:stream';

  export interface MimeNode {
    type: 'node';
    /** False for text/plain where the mail names none. */
    contentType: string | false;
    filename: string | false;
    multipart: string | false;
    /** Undoes the transfer encoding. */
    getDecoder(): Transform;
  }
  export type Chunk = MimeNode | { type: 'body' | 'data'; node: MimeNode; value: Buffer };
  export class Splitter extends Transform {}
}
