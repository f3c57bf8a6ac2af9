/**
 * Does `work` for every item, at most `limit` at a time, in their order. After the first failure no more items are begun; those under way
 * are waited for, and then that failure is thrown.
 */
export async function eachAtOnce<T>(items: readonly T[], limit: number, work: (item: T) => Promise<void>): Promise<void> {
  const remaining = items.values();
  let failure: { error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    for (let next = remaining.next(); !next.done && !failure; next = remaining.next()) {
      try {
        await work(next.value);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  if (failure) throw failure.error;
}
