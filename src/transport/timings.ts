/** How long a connection to a peer waits for what, in milliseconds. */
export interface TransportTimings {
  /** Until an address has answered. */
  readonly connectTimeoutMs: number;
  /** The first pause before another attempt: short, because an election may wait for a peer that has just come back. */
  readonly firstRetryMs: number;
  readonly longestRetryMs: number;
  /** The same where a peer refused: long, because only an operator can mend that. */
  readonly firstRefusedRetryMs: number;
  readonly longestRefusedRetryMs: number;
  /** A stream that lasted for this long was no failed attempt. */
  readonly stableMs: number;
  /** A peer that is stopped or cut off closes nothing: only a ping that goes unanswered tells. */
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
}

export const defaultTimings: TransportTimings = {
  connectTimeoutMs: 1_000,
  firstRetryMs: 50,
  longestRetryMs: 250,
  firstRefusedRetryMs: 1_000,
  longestRefusedRetryMs: 10_000,
  stableMs: 1_000,
  keepaliveTimeMs: 2_000,
  keepaliveTimeoutMs: 2_000,
};
