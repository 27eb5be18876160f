import { randomUUID } from 'node:crypto';

export const requestIdHeader = 'x-request-id';

/** Takes a caller's request id over if it can stand in a header and a log line as it is, and makes one otherwise. */
export function requestIdFrom(presented: unknown): string {
  return typeof presented === 'string' && /^[\w.:/+=@-]{1,128}$/.test(presented) ? presented : randomUUID();
}
