import type { RaftConfig, TermOpening } from '../raft/types.ts';
import type { Random } from './environment.ts';
import { type MemberSettings, vouchMs } from './settings.ts';

const mebibyte = 1024 * 1024;

/** The core's configuration, in ticks, from the member's, in milliseconds. */
export function raftConfig(
  settings: MemberSettings,
  random: Random,
  openTerm: (opening: TermOpening) => Uint8Array,
): RaftConfig {
  const ticks = (durationMs: number) => Math.max(1, Math.round(durationMs / settings.tickMs));
  const electionTicks = ticks(settings.electionTimeoutMs);
  return {
    id: settings.nodeId,
    electionTicks,
    heartbeatTicks: ticks(settings.raftHeartbeatMs),
    maxBytesPerAppend: mebibyte,
    maxInflightAppends: 64,
    maxInflightBytes: 16 * mebibyte,
    maxUncommittedBytes: 64 * mebibyte,
    maxBytesPerApply: mebibyte,
    // Long enough for a slow disk's hiccup, short enough that clients find a leader whose disk works.
    writeStallTicks: 8 * electionTicks,
    vouchTicks: ticks(vouchMs),
    randomInteger: (bound) => random.integer(bound),
    openTerm,
  };
}
