import { UnknownFormatError } from './layout.ts';
import { DirectoryError } from './make-directory.ts';
import { StorageDamagedError, StorageFailedError, StorageLockedError } from './storage.ts';

/** What a failed write to `place` means for the member and its operator. */
export function writeFailure(error: unknown, place: string): StorageFailedError {
  return new StorageFailedError(explained(error, place, `A write to ${place} failed`), { cause: error });
}

/** Why `place` could not be opened: damaged, locked, of another version, out of reach, or nowhere. */
export function openFailure(error: unknown, place: string): Error {
  if (error instanceof StorageLockedError || error instanceof DirectoryError) return error;
  if (error instanceof StorageDamagedError) return damage(error, place);
  if (error instanceof UnknownFormatError) {
    const [writer, remedy] = error.isOlder
      ? ['an older', 'Start that version again: this one cannot take the data over.']
      : ['a newer', 'Start that version, or a newer one.'];
    return new StorageDamagedError(
      `The data in ${place} was written by ${writer} version of this program: ${error.message}. ${remedy}`,
      { cause: error },
    );
  }
  return new StorageFailedError(explained(error, place, `${place} cannot be opened`), { cause: error });
}

/** Names what is damaged, where, and what the operator should do. */
export function damage({ message, cause }: Error, place: string): StorageDamagedError {
  return new StorageDamagedError(
    `The data in ${place} is damaged: ${message}. This member must not vote with it, as it may have forgotten what it voted ` +
      'or acknowledged. The other members go on without it. Move the directory away and keep it for inspection, and let ' +
      'the member come back as a new one that gets everything from the others. An older copy of the directory is no ' +
      'substitute: it has forgotten as well.',
    { cause },
  );
}

function explained(error: unknown, place: string, what: string): string {
  const reasons = [error, error instanceof Error ? error.cause : undefined]
    .flatMap((each) => (each instanceof Error && each.message !== '' ? [each.message] : []))
    .join(': ');
  return /ENOSPC|no space left/i.test(reasons)
    ? `The disk under ${place} is full. Free some space and start this member again; what it acknowledged is kept.`
    : `${what} (${reasons || String(error)}). Nothing is retried on a store that failed: check the disk and start this member again.`;
}
