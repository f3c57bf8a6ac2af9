import { findABParams } from 'umap-js/dist/umap.js';

/** Of 1 / (1 + a · d^2b): how near two points at distance d of the layout are (McInnes et al. 2018, section 3.2). */
export interface Curve {
  a: number;
  b: number;
}

/** What umap-js fits for the distances in use, to six digits: its fit takes 20 to 100 ms, and its last bits differ between versions of Node. */
const FITTED = new Map<number, Curve>([
  [0, { a: 1.933083, b: 0.792292 }],
  [0.1, { a: 1.56947, b: 0.8942 }],
]);

export function curveOf(minDist: number): Curve {
  return FITTED.get(minDist) ?? rounded(findABParams(1, minDist));
}

function rounded({ a, b }: Curve): Curve {
  return { a: Math.round(a * 1e6) / 1e6, b: Math.round(b * 1e6) / 1e6 };
}
