import type { Random } from '../../src/node/environment.ts';

/**
 * The only source of chance in a simulation: sfc32, a small generator with 128 bits of state. Streams forked under
 * different names do not disturb each other, so that leaving one kind of fault out changes little of the rest.
 */
export class SimulatedRandom implements Random {
  readonly #seed: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: string) {
    this.#seed = seed;
    this.#a = hashText(seed, 0x811c9dc5);
    this.#b = hashText(seed, 0x01234567);
    this.#c = hashText(seed, 0x9e3779b9);
    for (let round = 0; round < 12; round++) this.#next();
  }

  fork(name: string): SimulatedRandom {
    return new SimulatedRandom(`${this.#seed}/${name}`);
  }

  /** 32 random bits. */
  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** In `[0, 1)`. */
  fraction(): number {
    return (this.#next() * 2 ** 21 + (this.#next() >>> 11)) / 2 ** 53;
  }

  integer(bound: number): number {
    return Math.floor(this.fraction() * bound);
  }

  hex(digits: number): string {
    let text = '';
    while (text.length < digits) text += this.#next().toString(16).padStart(8, '0');
    return text.slice(0, digits);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  between(from: number, to: number): number {
    return from + this.fraction() * (to - from);
  }

  /** Exponentially distributed: most are small, a few are large. */
  around(mean: number): number {
    return -Math.log(1 - this.fraction()) * mean;
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.integer(choices.length)];
    if (choice === undefined) throw new RangeError('There is nothing to pick from.');
    return choice;
  }

  shuffled<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, order: this.fraction() }))
      .sort((left, right) => left.order - right.order)
      .map(({ item }) => item);
  }
}

/** FNV-1a with a final mix. */
export function hashText(text: string, basis: number): number {
  let hash = basis | 0;
  for (let position = 0; position < text.length; position++) {
    hash = Math.imul(hash ^ text.charCodeAt(position), 0x01000193);
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x7feb352d);
  return (hash ^ (hash >>> 15)) | 0;
}
