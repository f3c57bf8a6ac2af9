/**
 * The URL of a file or thread beside a module: `fileBeside(import.meta.url, './thread.ts')`. In `dist/`, where the module itself is
 * compiled, a `.ts` file is its `.js`; the compiler rewrites imports, but not URLs.
 */
export function fileBeside(moduleUrl: string, relative: string): URL {
  const compiled = new URL(moduleUrl).pathname.endsWith('.js');
  return new URL(compiled ? relative.replace(/\.ts$/, '.js') : relative, moduleUrl);
}
