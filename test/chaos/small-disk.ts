import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const sizeMebibytes = 96;
const pieceBytes = 256 * 1024;

/** A file system of its own for one member's data, so that it can be filled up or made read-only alone. */
export class SmallDisk {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** @returns why this machine allows none, when it does not: mounting needs rights that few users have */
  static mount(directory: string): SmallDisk | string {
    mkdirSync(directory, { recursive: true });
    try {
      run('mount', ['-t', 'tmpfs', '-o', `size=${sizeMebibytes}m`, 'manifest-chaos', directory]);
      return new SmallDisk(directory);
    } catch (error) {
      return `a small file system cannot be mounted here: ${firstLine(error)}`;
    }
  }

  /** Takes what is left of the space. */
  fill(): void {
    const file = openSync(this.#ballast, 'w');
    try {
      // To the last byte: by pieces, then by ever smaller ones.
      for (let bytes = pieceBytes; bytes >= 1; ) {
        if (!hasRoomFor(file, bytes)) bytes = Math.floor(bytes / 2);
      }
    } finally {
      closeSync(file);
    }
  }

  clear(): void {
    rmSync(this.#ballast, { force: true });
  }

  /** Only while nobody has a file open for writing on it: the kernel refuses otherwise. */
  setReadOnly(isReadOnly: boolean): void {
    run('mount', ['-o', `remount,${isReadOnly ? 'ro' : 'rw'}`, this.directory]);
  }

  unmount(): void {
    run('umount', ['-l', this.directory]);
  }

  get #ballast(): string {
    return join(this.directory, 'ballast');
  }
}

function hasRoomFor(file: number, bytes: number): boolean {
  try {
    return writeSync(file, Buffer.alloc(bytes, 1)) === bytes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}

function run(command: string, parameters: readonly string[]): void {
  execFileSync(command, parameters, { stdio: 'pipe' });
}

function firstLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: Buffer; message: string };
  return (stderr?.toString().trim() || message).split('\n')[0] ?? '';
}
