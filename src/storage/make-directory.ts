import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** A directory that is not there could not be made. */
export class DirectoryError extends Error {
  override readonly name = 'DirectoryError';
}

/**
 * Makes a directory, and those above it, where they are not there yet. Node's own recursive `mkdir` never ends where the
 * system says of a directory that is there that it is not, as in `/proc`.
 * @throws DirectoryError
 */
export function makeDirectory(path: string): void {
  const absolute = resolve(path);
  try {
    make(absolute);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DirectoryError(`the directory ${path} cannot be made: ${reason}`, { cause: error });
  }
}

function make(path: string): void {
  if (isDirectory(path)) return;
  if (dirname(path) !== path) make(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process was faster.
    if (!isDirectory(path)) throw error;
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
