export interface NumberList {
  length(): number;
  push(value: number): void;
  /** What is in it now; later pushes may move it. */
  view(): Int32Array;
}

/** A list of whole numbers that grows in place: 4 bytes each, where an array takes 8. */
export function createNumberList(): NumberList {
  let values = new Int32Array(4_096);
  let length = 0;
  return {
    length: () => length,
    view: () => values.subarray(0, length),
    push: (value) => {
      if (length === values.length) {
        const grown = new Int32Array(values.length * 2);
        grown.set(values);
        values = grown;
      }
      values[length] = value;
      length += 1;
    },
  };
}
