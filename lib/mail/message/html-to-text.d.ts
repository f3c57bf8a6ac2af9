/** The package ships no types; this is the part that Hivepulse uses. */
declare module 'html-to-text' {
  export interface Element {
    /** Of the tag; text has none. */
    name: string;
    attribs: Record<string, string>;
    children: Element[];
  }
  export interface Builder {
    options: { formatters: Record<string, Formatter> };
    /** What was handed in with the HTML. */
    metadata: unknown;
    addInline(text: string, options?: { noWordTransform?: boolean }): void;
    openBlock(options: { leadingLineBreaks: number }): void;
    openTable(): void;
    openTableRow(): void;
    openTableCell(options: object): void;
    closeTableCell(options: object): void;
    closeTableRow(): void;
    closeTable(options: { tableToString: (rows: { text: string }[][]) => string; leadingLineBreaks: number; trailingLineBreaks: number }): void;
    closeBlock(options: { trailingLineBreaks: number }): void;
  }
  export type Formatter = (
    element: Element,
    walk: (children: unknown[], builder: Builder) => void,
    builder: Builder,
    options: Record<string, unknown>,
  ) => void;
  export interface Options {
    wordwrap: number | false;
    limits: { maxDepth: number; ellipsis: string };
    baseElements: { selectors: string[] };
    formatters: Record<string, Formatter>;
    selectors: { selector: string; format?: string; options?: Record<string, unknown> }[];
  }
  export function compile(options: Options): (html: string, metadata?: unknown) => string;
}
