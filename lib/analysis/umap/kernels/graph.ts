// The memberships of UMAP's fuzzy graph (McInnes, Healy and Melville 2018, section 3.1), as umap-js computes them: `smoothKNNDistance`
// and `computeMembershipStrengths`. Replaced because Math.exp differs between versions of Node, and because umap-js takes the mean of
// all distances anew for each row whose neighbours are all at distance 0.

const TOLERANCE: f64 = 1e-5;
const LEAST_SCALE: f64 = 1e-3;
const ROUNDS: i32 = 64;

/** `count` rows of `k` neighbours, itself first; writes the membership of each, 0 for itself. */
export function memberships(indices: usize, distances: usize, count: u32, k: u32, weights: usize): void {
  const target = NativeMath.log(k) / NativeMath.log(2);
  const meanOfAll = meanOfMeans(distances, count, k);
  for (let row: u32 = 0; row < count; row++) {
    const start = <usize>row * k;
    const own = distances + (start << 2);
    const nearest = firstAbove0(own, k);
    const scale = max(scaleOf(own, k, nearest, target), LEAST_SCALE * (nearest > 0 ? mean(own, k) : meanOfAll));
    for (let place: u32 = 0; place < k; place++) {
      const isItself = load<u32>(indices + ((start + place) << 2)) == row;
      const beyond = <f64>load<f32>(own + (place << 2)) - nearest;
      store<f64>(weights + ((start + place) << 3), isItself ? 0 : beyond <= 0 ? 1 : NativeMath.exp(-(beyond / scale)));
    }
  }
}

function firstAbove0(distances: usize, k: u32): f64 {
  for (let place: u32 = 0; place < k; place++) {
    const distance = load<f32>(distances + (place << 2));
    if (distance > 0) return distance;
  }
  return 0;
}

/** The scale at which the memberships of a row add up to log2(k), found by halving. */
function scaleOf(distances: usize, k: u32, nearest: f64, target: f64): f64 {
  let low: f64 = 0;
  let high: f64 = Infinity;
  let scale: f64 = 1;
  for (let round = 0; round < ROUNDS; round++) {
    let sum: f64 = 0;
    for (let place: u32 = 1; place < k; place++) {
      const beyond = <f64>load<f32>(distances + (place << 2)) - nearest;
      sum += beyond > 0 ? NativeMath.exp(-(beyond / scale)) : 1;
    }
    if (abs(sum - target) < TOLERANCE) break;
    if (sum > target) {
      high = scale;
      scale = (low + high) / 2;
    } else {
      low = scale;
      scale = high == Infinity ? scale * 2 : (low + high) / 2;
    }
  }
  return scale;
}

function mean(distances: usize, k: u32): f64 {
  let sum: f64 = 0;
  for (let place: u32 = 0; place < k; place++) sum += load<f32>(distances + (place << 2));
  return sum / k;
}

function meanOfMeans(distances: usize, count: u32, k: u32): f64 {
  let sum: f64 = 0;
  for (let row: u32 = 0; row < count; row++) sum += mean(distances + ((<usize>row * k) << 2), k);
  return sum / count;
}
