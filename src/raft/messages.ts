import type { LogStart, RaftMessage, SnapshotReceived } from './types.ts';

type WithoutAddress<Message> = Message extends RaftMessage ? Omit<Message, 'from' | 'to' | 'term'> : never;

/** A message before the core has put sender, receiver and term on it. */
export type MessageBody = WithoutAddress<RaftMessage>;

function isIndex(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/**
 * Whether a correct peer could have sent this at all. What fails here is dropped: a broken peer must neither stop this
 * process nor alter its log. What a peer may say *now* is decided where the message is handled.
 */
export function isWellFormed(message: RaftMessage | SnapshotReceived): boolean {
  if (message.from === '' || !isIndex(message.term) || message.term === 0 || !isIndex(message.term + 1)) return false;
  switch (message.type) {
    case 'pre-vote-request':
    case 'vote-request':
      return isIndex(message.lastLogIndex) && isIndex(message.lastLogTerm) && message.lastLogTerm < message.term;
    case 'append-request':
      return isIndex(message.prevLogIndex) && isIndex(message.commitIndex) && hasWellFormedEntries(message);
    case 'append-response':
      return isIndex(message.index) && isIndex(message.hintIndex) && isIndex(message.hintTerm);
    case 'heartbeat-request':
      return isIndex(message.commitIndex) && isIndex(message.readRound);
    case 'heartbeat-response':
      return isIndex(message.readRound);
    case 'read-index-request':
      return isIndex(message.context);
    case 'read-index-response':
      return isIndex(message.context) && (message.index === null || isIndex(message.index));
    case 'snapshot-received':
      return isPosition(message.snapshot) && message.snapshot.term <= message.term;
    case 'pre-vote-response':
    case 'vote-response':
    case 'timeout-now':
      return true;
  }
}

/** Some entry's place, not the one before the first. */
function isPosition({ index, term }: LogStart): boolean {
  return isIndex(index) && index > 0 && isIndex(term) && term > 0;
}

/** Dense from the previous entry on, terms never falling and never past the sender's. */
function hasWellFormedEntries(request: Extract<RaftMessage, { readonly type: 'append-request' }>): boolean {
  let index = request.prevLogIndex;
  let term = request.prevLogTerm;
  if (!isIndex(term) || term > request.term || (index === 0) !== (term === 0)) return false;
  for (const entry of request.entries) {
    if (entry.index !== index + 1 || !isIndex(entry.term) || entry.term < term || entry.term > request.term)
      return false;
    index = entry.index;
    term = entry.term;
  }
  return true;
}
