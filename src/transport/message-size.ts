import type { PeerMessage } from './transport.ts';

/** The fields of a message that are not counted one by one. */
const fixedBytes = 64;
const entryOverheadBytes = 16;
const stringOverheadBytes = 8;

/** About how many bytes a message takes, in memory and on the wire; never much less than that. */
export function messageBytes(message: PeerMessage): number {
  switch (message.type) {
    case 'append-request':
      return message.entries.reduce((sum, entry) => sum + entry.data.length + entryOverheadBytes, fixedBytes);
    case 'forward-commands':
      return message.commands.reduce(
        (sum, { requestId, command }) => sum + requestId.length + command.length + stringOverheadBytes,
        fixedBytes,
      );
    case 'forward-rejected':
      return message.requestIds.reduce((sum, requestId) => sum + requestId.length + stringOverheadBytes, fixedBytes);
    case 'snapshot-chunk':
      return message.data.length + 2 * fixedBytes;
    default:
      return fixedBytes;
  }
}
