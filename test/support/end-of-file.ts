const ends: (() => Promise<unknown>)[] = [];

/** For what all the tests of a file share, and helpers start when it is first asked for: modules outlive the file, what they hold must not. */
export function atEndOfFile(end: () => Promise<unknown>): void {
  ends.push(end);
}

/** Called after the hooks of each test file, by `test/setup.ts`. The last that was begun ends first. */
export async function endFile(): Promise<void> {
  for (const end of ends.splice(0).reverse()) await end();
}
