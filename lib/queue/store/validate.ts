/** Throws `RangeError` for a bucket that never fills or a cost that can never be met. */
export function checkBucket({ capacity, refillPerSecond }: { capacity: number; refillPerSecond: number }, cost: number): void {
  if (!(capacity > 0) || !(refillPerSecond > 0)) throw new RangeError('A token bucket needs a capacity and a refill above 0');
  if (!(cost >= 0)) throw new RangeError('A cost must not be below 0');
  if (cost > capacity) throw new RangeError(`A cost of ${cost} tokens is above the bucket's capacity of ${capacity}: it could never be taken`);
}
