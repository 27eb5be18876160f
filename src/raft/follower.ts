import type { RaftLog } from './log.ts';
import type { MessageBody } from './messages.ts';
import type { AppendRequest, SnapshotMeta } from './types.ts';

type AppendAnswer = Extract<MessageBody, { readonly type: 'append-response' }>;

/** "My log equals yours up to `index`": to be sent when that much is durable. */
export function acceptance(index: number): AppendAnswer {
  return { type: 'append-response', accepted: true, index, hintIndex: 0, hintTerm: 0 };
}

/** Takes a leader's entries into a follower's log, or finds out where the two logs may agree (paper, section 5.3). */
export function takeAppend(log: RaftLog, request: AppendRequest): AppendAnswer {
  const { prevLogIndex, prevLogTerm, entries } = request;
  // Everything committed equals the leader's; where the log was compacted nothing could be compared (trap 13).
  if (prevLogIndex < log.commitIndex) return acceptance(log.commitIndex);
  if (log.termAt(prevLogIndex) !== prevLogTerm) return refusal(log, prevLogIndex, prevLogTerm);
  log.merge(entries);
  const verifiedIndex = prevLogIndex + entries.length;
  // What lies behind the verified prefix may still be replaced, so the commit index stops there (trap 13).
  log.commitTo(Math.min(request.commitIndex, verifiedIndex));
  return acceptance(verifiedIndex);
}

/** The hint skips every entry of a term that the leader cannot have there, and never goes behind what is committed. */
function refusal(log: RaftLog, prevLogIndex: number, prevLogTerm: number): AppendAnswer {
  const agreeIndex = log.lastIndexWithTermAtMost(Math.min(prevLogIndex, log.lastIndex), prevLogTerm);
  const hintIndex = Math.max(agreeIndex, log.commitIndex);
  return {
    type: 'append-response',
    accepted: false,
    index: prevLogIndex,
    hintIndex,
    hintTerm: log.knownTermAt(hintIndex),
  };
}

/**
 * What to do with a received snapshot:
 *
 * - `old`: the log is ahead of it, nothing is given up for it (trap 17)
 * - `known`: the log holds the very entry it ends with, so it only shows that this much is committed
 * - `install`: it replaces log, state and membership
 */
export function judgeSnapshot(log: RaftLog, snapshot: SnapshotMeta): 'old' | 'known' | 'install' {
  if (snapshot.index <= log.commitIndex) return 'old';
  return log.termAt(snapshot.index) === snapshot.term ? 'known' : 'install';
}
