/**
 * Makes a vector one of length 1, in place; false, and nothing done, when it has no direction: all zeros, or a number that is none. A loop, since
 * the callbacks of `reduce` and `map` take ten times as long, and there are millions of numbers.
 */
export function toUnitLength(vector: Float32Array): boolean {
  let squares = 0;
  for (let index = 0; index < vector.length; index += 1) squares += (vector[index] ?? 0) ** 2;
  const length = Math.sqrt(squares);
  if (!Number.isFinite(length) || length === 0) return false;
  for (let index = 0; index < vector.length; index += 1) vector[index] = (vector[index] ?? 0) / length;
  return true;
}
