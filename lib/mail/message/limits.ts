/** How much of a message is kept. A mail is written by strangers: each of these is reached on purpose some day. */

/** Characters of the text. */
export const LONGEST_TEXT = 1_000_000;
/** Bytes of all text parts together; pictures that are written into HTML make it long. */
const LONGEST_BODY = 10_000_000;
/** Characters of a delivery report's fields. */
export const LONGEST_STATUS = 100_000;
/** Characters of HTML, without such pictures. */
const LONGEST_HTML = 1_000_000;
/** Tags of HTML that are read. Tags that close nothing take the square of this. */
const MOST_TAGS = 20_000;
/** Elements within elements; what lies deeper is left out. */
export const DEEPEST_HTML = 250;
/** Quotes within quotes, and lists within lists, that are still set off: each level copies all that it holds. */
export const DEEPEST_QUOTE = 10;

/** Header lines of a message. */
export const MOST_HEADERS = 1_000;
/** Characters of one header's value. */
export const LONGEST_HEADER = 50_000;
/** Characters of all headers together. */
export const LONGEST_HEADERS = 500_000;
/** Characters of a header's name. */
export const LONGEST_HEADER_NAME = 200;
/** Characters of Content-Type and Content-Disposition, and their parameters. */
export const LONGEST_PARAMETERS = 10_000;
export const MOST_PARAMETERS = 100;
/** Groups of addresses in one header: its parser reads a header anew for each group within a group. */
export const MOST_GROUPS = 20;
/** People in one of To, Cc, Bcc and Reply-To. */
export const MOST_PEOPLE = 1_000;
/** Characters of a name, an address. */
export const LONGEST_NAME = 1_000;
export const LONGEST_SUBJECT = 10_000;

/** Parts within parts. */
export const DEEPEST_PART = 50;
/** Parts of a message that are looked at. */
export const MOST_PARTS = 2_000;
export const MOST_ATTACHMENTS = 1_000;
export const LONGEST_FILENAME = 255;

/** What is left for the text parts of a message that have not been read. */
export interface Budget {
  /** As Gmail sent them, decoded from base64. */
  bytes: number;
  /** Characters that were kept. */
  text: number;
  html: number;
  tags: number;
}

export const createBudget = (): Budget => ({ bytes: LONGEST_BODY, text: LONGEST_TEXT, html: LONGEST_HTML, tags: MOST_TAGS });

/** Stands where something was cut off. */
export const CUT = '[…]';
