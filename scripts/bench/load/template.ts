/** Stands for a number of its own in each request: a run of n of these is filled with the n lowest digits. */
const placeholder = '#'.charCodeAt(0);
const zero = '0'.charCodeAt(0);

/** The request `i` of a load; all have the same length. */
export interface Template {
  readonly bytes: Uint8Array;
  /** Where each digit goes, by its power of ten. */
  readonly digits: readonly { readonly offset: number; readonly power: number }[];
}

/**
 * @param bytes with a run of `#` wherever the number is to stand; nothing else may be that byte
 * @param from where the first may be
 */
export function templateOf(bytes: Uint8Array, from = 0): Template {
  const digits: { offset: number; power: number }[] = [];
  for (let start = bytes.indexOf(placeholder, from); start >= 0; ) {
    let end = start;
    while (bytes[end] === placeholder) end++;
    for (let offset = start; offset < end; offset++) digits.push({ offset, power: 10 ** (end - 1 - offset) });
    start = bytes.indexOf(placeholder, end);
  }
  return { bytes, digits };
}

/** Writes request `number` to `target` from `at` on; `target` has room for `template.bytes.length` bytes there. */
export function fill(template: Template, number: number, target: Uint8Array, at = 0): void {
  target.set(template.bytes, at);
  for (const { offset, power } of template.digits) target[at + offset] = zero + (Math.floor(number / power) % 10);
}

/** The same for text. */
export function fillText(text: string, number: number): string {
  return text.replace(/#+/g, (run) => String(number % 10 ** run.length).padStart(run.length, '0'));
}
