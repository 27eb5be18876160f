import { DirectoryError } from '../storage/make-directory.ts';
import { StorageDamagedError, StorageLockedError } from '../storage/storage.ts';
import { CommandError, exitCodes } from './exit-codes.ts';
import { type ListeningPort, noSuchAddress, portsForbidden, portsInUse } from './ports.ts';

/** Why a process could not begin, in one line, and what to do about it. */
export function explainStartFailure(error: unknown, ports: readonly ListeningPort[], host: string): CommandError {
  const message = error instanceof Error ? error.message : String(error);
  const code = /\b(EADDRINUSE|EACCES|EADDRNOTAVAIL)\b/.exec(`${codeOf(error)} ${message}`)?.[1];
  const listening = ports.find(({ port }) => port === portOf(error) || message.includes(`:${port}`));
  const fail = (text: string, hint: string | null) => new CommandError(text, exitCodes.failure, hint);
  if (code === 'EADDRINUSE' && listening) return portsInUse([listening]);
  if (code === 'EACCES' && listening) return portsForbidden([listening]);
  if (code === 'EADDRNOTAVAIL') return noSuchAddress(host);
  if (error instanceof DirectoryError) return fail(message, 'give another directory with --data-dir');
  if (error instanceof StorageLockedError) {
    return fail(
      message,
      'another process uses this data: end it, or give this member a directory of its own with --data-dir',
    );
  }
  if (error instanceof StorageDamagedError) {
    return fail(
      message,
      'this member takes no part with damaged data; the others go on without it. Keep the directory until the cause is known',
    );
  }
  return fail(message, null);
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

function portOf(error: unknown): number | null {
  return typeof error === 'object' && error !== null && 'port' in error ? Number(error.port) : null;
}
