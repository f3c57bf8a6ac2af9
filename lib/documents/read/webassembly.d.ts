/** Of WebAssembly, what reading PDFs takes: neither TypeScript's own library nor Node's types declare it without the browser's. */
declare namespace WebAssembly {
  class RuntimeError extends Error {}
  class Memory {
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
}
