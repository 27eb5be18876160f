import { initialMembership } from '../../../src/raft/membership.ts';
import type {
  AppendRequest,
  AppendResponse,
  Entry,
  EntryKind,
  HeartbeatRequest,
  HeartbeatResponse,
  LogStart,
  Membership,
  NodeId,
  RaftConfig,
  RestoredState,
  SnapshotMeta,
  VoteRequest,
  VoteResponse,
} from '../../../src/raft/types.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const bytes = (text: string): Uint8Array => encoder.encode(text);
export const text = (data: Uint8Array): string => decoder.decode(data);

/** Small numbers, so that scripts stay short: an election takes 10 to 19 ticks, heartbeats go every 2. */
export const testConfig: Omit<RaftConfig, 'id'> = {
  electionTicks: 10,
  heartbeatTicks: 2,
  maxBytesPerAppend: 100,
  maxInflightAppends: 4,
  maxInflightBytes: 1_000,
  maxUncommittedBytes: 2_000,
  maxBytesPerApply: 100,
  writeStallTicks: 40,
  vouchTicks: 100,
  randomInteger: () => 0,
  openTerm: ({ term, vouched }) => bytes(`open ${term}${vouched ? '' : ' cold'}`),
};

export function entry(index: number, term: number, content = `${index}@${term}`, kind: EntryKind = 'command'): Entry {
  return { index, term, kind, data: bytes(content) };
}

/** Entries with these terms, from the index after `start` on. */
export function entriesOf(terms: readonly number[], start = 0): readonly Entry[] {
  return terms.map((term, offset) => entry(start + offset + 1, term));
}

export function membership(parts: Partial<Membership>): Membership {
  return { voters: [], votersOutgoing: [], learners: [], learnersNext: [], ...parts };
}

export interface RestoredOptions {
  readonly voters?: readonly NodeId[];
  readonly membership?: Membership;
  /** At least the last entry's term; that by default. */
  readonly term?: number;
  readonly votedFor?: NodeId | null;
  readonly commitIndex?: number;
  /** Terms of the entries behind the log's start. */
  readonly terms?: readonly number[];
  readonly entries?: readonly Entry[];
  readonly snapshot?: { readonly index: number; readonly term: number };
  readonly logStart?: LogStart;
}

/** What a disk holds at start: by default the new member of a cluster of a, b and c. */
export function restored(options: RestoredOptions = {}): RestoredState {
  const voters = options.membership ?? initialMembership(options.voters ?? ['a', 'b', 'c']);
  const snapshot: SnapshotMeta = { ...(options.snapshot ?? { index: 0, term: 0 }), membership: voters };
  const logStart = options.logStart ?? { index: snapshot.index, term: snapshot.term };
  const entries = options.entries ?? entriesOf(options.terms ?? [], logStart.index);
  const term = options.term ?? Math.max(entries.at(-1)?.term ?? 0, snapshot.term);
  const commitIndex = options.commitIndex ?? snapshot.index;
  return { hardState: { term, votedFor: options.votedFor ?? null, commitIndex }, snapshot, logStart, entries };
}

type Parts<Message> = Partial<Omit<Message, 'type'>>;

/** Messages to `a`, from `b` unless told otherwise; the receiver of interest is `a` in most tests. */
export const from = {
  voteRequest: (parts: Parts<VoteRequest> = {}): VoteRequest => ({
    type: 'vote-request',
    from: 'b',
    to: 'a',
    term: 1,
    lastLogIndex: 0,
    lastLogTerm: 0,
    transfer: false,
    ...parts,
  }),
  preVoteRequest: (parts: Parts<VoteRequest> = {}): VoteRequest => ({
    ...from.voteRequest(parts),
    type: 'pre-vote-request',
  }),
  voteResponse: (parts: Parts<VoteResponse> = {}): VoteResponse => ({
    type: 'vote-response',
    from: 'b',
    to: 'a',
    term: 1,
    granted: true,
    vouches: false,
    ...parts,
  }),
  preVoteResponse: (parts: Parts<VoteResponse> = {}): VoteResponse => ({
    ...from.voteResponse(parts),
    type: 'pre-vote-response',
  }),
  append: (parts: Parts<AppendRequest> = {}): AppendRequest => ({
    type: 'append-request',
    from: 'b',
    to: 'a',
    term: 1,
    prevLogIndex: 0,
    prevLogTerm: 0,
    commitIndex: 0,
    entries: [],
    ...parts,
  }),
  accepted: (index: number, parts: Parts<AppendResponse> = {}): AppendResponse => ({
    type: 'append-response',
    from: 'b',
    to: 'a',
    term: 1,
    accepted: true,
    index,
    hintIndex: 0,
    hintTerm: 0,
    ...parts,
  }),
  refused: (index: number, hintIndex: number, hintTerm: number, parts: Parts<AppendResponse> = {}): AppendResponse => ({
    ...from.accepted(index, { hintIndex, hintTerm, ...parts }),
    accepted: false,
  }),
  heartbeat: (parts: Parts<HeartbeatRequest> = {}): HeartbeatRequest => ({
    type: 'heartbeat-request',
    from: 'b',
    to: 'a',
    term: 1,
    commitIndex: 0,
    readRound: 0,
    ...parts,
  }),
  heartbeatAnswer: (parts: Parts<HeartbeatResponse> = {}): HeartbeatResponse => ({
    type: 'heartbeat-response',
    from: 'b',
    to: 'a',
    term: 1,
    readRound: 0,
    ...parts,
  }),
};
