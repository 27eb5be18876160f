/** What a member reports as it happens. What can be read at any time is a gauge over its status instead. */
export interface MemberMetrics {
  /** One synced write to the store. */
  writeCompleted(durationMs: number, entries: number, sizeBytes: number): void;
  /** How much later than planned a tick came. */
  eventLoopDelay(delayMs: number): void;
  expired(to: 'unhealthy' | 'removed', count: number): void;
  electionStarted(): void;
  leaderChanged(): void;
  snapshotTaken(durationMs: number, sizeBytes: number): void;
  /** Commands that a follower handed to this member. */
  forwarded(count: number): void;
}

export const silentMetrics: MemberMetrics = {
  writeCompleted() {},
  eventLoopDelay() {},
  expired() {},
  electionStarted() {},
  leaderChanged() {},
  snapshotTaken() {},
  forwarded() {},
};
