// xoshiro128**, as in ../random.ts, which also seeds it.

let a: u32 = 0;
let b: u32 = 0;
let c: u32 = 0;
let d: u32 = 0;

/** Goes on from a state taken in TypeScript: four 32-bit words. */
export function setRandom(first: u32, second: u32, third: u32, fourth: u32): void {
  a = first;
  b = second;
  c = third;
  d = fourth;
}

/** A whole number from 0 to `limit` - 1; the same as `Math.floor(fraction * limit)`, which is exact for limits below 2²¹. */
// @ts-ignore: decorator
@inline
export function below(limit: u32): u32 {
  const result = rotl<u32>(b * 5, 7) * 9;
  const shifted = b << 9;
  c ^= a;
  d ^= b;
  b ^= c;
  a ^= d;
  c ^= shifted;
  d = rotl<u32>(d, 11);
  return <u32>((<u64>result * <u64>limit) >> 32);
}
