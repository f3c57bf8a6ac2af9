import type { Vectors } from '../contract.ts';
import type { Points } from './points.ts';

/** Rotations until the rest is nothing; 6 to 10 do in practice. */
const MOST_SWEEPS = 60;
const NOTHING = 1e-20;

/**
 * Principal components of a few rows (at most some hundreds: the cost is the cube of their number): coordinates along the `wanted` widest
 * directions, the widest first, each with its largest coordinate positive. Directions that the rows do not fill are 0.
 */
export function principalComponents(rows: Vectors, wanted: number): Points {
  const { count } = rows;
  const { values, vectors } = eigen(gramOf(rows), count);
  const order = [...values.keys()].sort((one, other) => (values[other] ?? 0) - (values[one] ?? 0) || one - other);
  const coordinates = new Float64Array(count * wanted);
  for (let component = 0; component < Math.min(wanted, count); component += 1) {
    const column = order[component] ?? 0;
    const value = values[column] ?? 0;
    if (value <= 0) break;
    const along = Float64Array.from({ length: count }, (_, row) => (vectors[row * count + column] ?? 0) * Math.sqrt(value));
    const sign = along.reduce((most, each) => (Math.abs(each) > Math.abs(most) ? each : most), 0) < 0 ? -1 : 1;
    along.forEach((coordinate, row) => {
      coordinates[row * wanted + component] = sign * coordinate;
    });
  }
  return { values: coordinates, count, dimensions: wanted };
}

/** Inner products of the rows, once their mean is taken off. */
function gramOf({ values, count, dimensions }: Vectors): Float64Array {
  const centred = Float64Array.from(values.subarray(0, count * dimensions));
  for (let d = 0; d < dimensions; d += 1) {
    let sum = 0;
    for (let row = 0; row < count; row += 1) sum += centred[row * dimensions + d] ?? 0;
    for (let row = 0; row < count; row += 1) centred[row * dimensions + d] = (centred[row * dimensions + d] ?? 0) - sum / count;
  }
  const gram = new Float64Array(count * count);
  for (let row = 0; row < count; row += 1) {
    for (let other = 0; other <= row; other += 1) {
      let product = 0;
      for (let d = 0; d < dimensions; d += 1) product += (centred[row * dimensions + d] ?? 0) * (centred[other * dimensions + d] ?? 0);
      gram[row * count + other] = product;
      gram[other * count + row] = product;
    }
  }
  return gram;
}

/** Eigenvalues and eigenvectors (in columns) of a symmetric matrix, by Jacobi's rotations (Golub and Van Loan, section 8.5): needs no start and cannot fail to end. */
function eigen(matrix: Float64Array, size: number): { values: Float64Array; vectors: Float64Array } {
  const vectors = new Float64Array(size * size);
  for (let row = 0; row < size; row += 1) vectors[row * size + row] = 1;
  const whole = matrix.reduce((sum, value) => sum + value * value, 0);
  for (let sweep = 0; sweep < MOST_SWEEPS && beside(matrix, size) > NOTHING * whole; sweep += 1) {
    for (let p = 0; p < size - 1; p += 1) for (let q = p + 1; q < size; q += 1) rotate(matrix, vectors, size, p, q);
  }
  return { values: Float64Array.from({ length: size }, (_, row) => matrix[row * size + row] ?? 0), vectors };
}

/** What is left beside the diagonal. */
function beside(matrix: Float64Array, size: number): number {
  return matrix.reduce((sum, value, at) => (at % (size + 1) === 0 ? sum : sum + value * value), 0);
}

/** Turns rows and columns `p` and `q` so that their common entry becomes 0. */
function rotate(matrix: Float64Array, vectors: Float64Array, size: number, p: number, q: number): void {
  const entry = matrix[p * size + q] ?? 0;
  if (entry === 0) return;
  const slope = ((matrix[q * size + q] ?? 0) - (matrix[p * size + p] ?? 0)) / (2 * entry);
  const tangent = (slope < 0 ? -1 : 1) / (Math.abs(slope) + Math.sqrt(slope * slope + 1));
  const cosine = 1 / Math.sqrt(tangent * tangent + 1);
  const turn = (values: Float64Array, first: number, second: number) => {
    const [one, other] = [values[first] ?? 0, values[second] ?? 0];
    values[first] = cosine * one - cosine * tangent * other;
    values[second] = cosine * tangent * one + cosine * other;
  };
  for (let at = 0; at < size; at += 1) turn(matrix, at * size + p, at * size + q);
  for (let at = 0; at < size; at += 1) turn(matrix, p * size + at, q * size + at);
  for (let at = 0; at < size; at += 1) turn(vectors, at * size + p, at * size + q);
}
