import type { SimulatedRandom } from '../simulation/random.ts';

/** Instances that clients share at a time. */
const activeMax = 12;

const keysPerService = 4;

/** Operations on one instance, after which clients turn to a new one: short histories are judged soon. */
const operationsMax = 60;

/** Writes with an unknown outcome may still happen at any time; each doubles what a judge has to consider. */
const unknownsMax = 3;

/** What a reader must find, as far as it is certain without knowing the order of concurrent writes. */
export type Certainty =
  | { readonly state: 'listed'; readonly version: string; readonly leaseId: number }
  | { readonly state: 'absent' };

/** A write under way. */
export interface WriteToken {
  readonly number: number;
  /** No other write was under way when it began. */
  readonly isAlone: boolean;
  readonly before: Certainty | null;
}

/** One instance that clients register, renew, read and deregister. */
export class Key {
  readonly name: string;
  readonly id: string;
  lastLeaseId: number | null = null;
  #operations = 0;
  #unknowns = 0;
  #writesBegun = 0;
  #writesUnderWay = 0;
  #certain: Certainty | null = { state: 'absent' };

  constructor(name: string, id: string) {
    this.name = name;
    this.id = id;
  }

  /** `null` when writes overlapped or had no answer. */
  get certain(): Certainty | null {
    return this.#certain;
  }

  get isSpent(): boolean {
    return this.#operations >= operationsMax || this.#unknowns >= unknownsMax;
  }

  used(): void {
    this.#operations++;
  }

  beginWrite(): WriteToken {
    const token = { number: ++this.#writesBegun, isAlone: this.#writesUnderWay === 0, before: this.#certain };
    this.#writesUnderWay++;
    this.#certain = null;
    return token;
  }

  /** @param certainty what holds now, if nothing else happened meanwhile; `null` when the outcome is unknown */
  endWrite(token: WriteToken, certainty: Certainty | null): void {
    this.#writesUnderWay--;
    if (certainty === null) this.#unknowns++;
    if (token.isAlone && token.number === this.#writesBegun && this.#unknowns === 0) this.#certain = certainty;
  }
}

/** Hands out instances so that several clients often work on the same one. */
export class KeySupply {
  readonly #prefix: string;
  readonly #all: Key[] = [];
  #active: Key[] = [];

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Every instance that there has been. */
  get all(): readonly Key[] {
    return this.#all;
  }

  take(random: SimulatedRandom): Key {
    this.#active = this.#active.filter((key) => !key.isSpent);
    while (this.#active.length < activeMax) this.#active.push(this.fresh());
    const key = random.pick(this.#active);
    key.used();
    return key;
  }

  /** An instance that nobody else is given. */
  fresh(): Key {
    const number = this.#all.length;
    const name = `${this.#prefix}-${Math.floor(number / keysPerService)}`;
    const key = new Key(name, `${name}-${number % keysPerService}`);
    this.#all.push(key);
    return key;
  }
}
