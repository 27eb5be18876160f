import { connect } from 'node:net';
import { type Address, formatAddress } from './address.ts';

/**
 * Finds out whether a server answers at an address. An HTTP/2 server speaks first (RFC 9113, section 3.4), so its first
 * bytes show a process that runs; an accepted connection alone shows only its kernel.
 *
 * grpc-js puts no limit on the time in which a connection is made: one that is swallowed on its way, or accepted by a
 * stopped process, would be waited for until TCP gives up, and its socket cannot be closed from outside. So nothing is
 * handed to grpc-js before this has succeeded.
 *
 * @param settled called once with `null` when a server answered, else with what went wrong; not called once cancelled
 * @returns cancels the probe
 */
export function probe(address: Address, timeoutMs: number, settled: (problem: string | null) => void): () => void {
  let isOver = false;
  const socket = connect(address);
  const finish = (problem: string | null) => {
    if (isOver) return;
    cancel();
    settled(problem);
  };
  const timer = setTimeout(() => finish(`${formatAddress(address)} did not answer within ${timeoutMs} ms`), timeoutMs);
  const cancel = () => {
    isOver = true;
    clearTimeout(timer);
    socket.destroy();
  };
  socket.on('error', (error) => finish(error.message));
  socket.on('close', () => finish(`${formatAddress(address)} closed the connection`));
  socket.once('data', () => finish(null));
  return cancel;
}
