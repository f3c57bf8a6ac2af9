type Numbers = Int32Array | Float32Array | Float64Array;

/** A copy that threads read without copying it again. */
export function shared<View extends Numbers>(numbers: View): View {
  // Each kind of array is made by its own constructor.
  const View = numbers.constructor as new (buffer: SharedArrayBuffer) => View;
  const copy = new View(new SharedArrayBuffer(numbers.byteLength));
  copy.set(numbers);
  return copy;
}
