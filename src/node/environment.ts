/** The outside world as a member sees it. The simulator hands in its own; production uses the system's. */

export interface Clock {
  /** Milliseconds on a clock that never goes back and does not follow the wall. */
  monotonicMs(): number;
  /** Milliseconds since the Unix epoch. Only ever shown to people, never compared across machines. */
  wallMs(): number;
  /** Calls `callback` once after `delayMs`; returns a function that cancels it. */
  after(delayMs: number, callback: () => void): () => void;
}

export interface Random {
  /** An integer in `[0, bound)`. */
  integer(bound: number): number;
  /** Lowercase hexadecimal digits. */
  hex(digits: number): string;
}
