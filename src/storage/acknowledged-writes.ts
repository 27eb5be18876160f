import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { sealed, unsealed } from './layout.ts';

const fileName = 'ACKNOWLEDGED';
const numberBytes = 8;

/**
 * Remembers the number of the newest acknowledged write in a file of its own. A log that lost its end looks just like
 * one whose last write was never finished; this tells the two apart (trap 33).
 *
 * The file is written behind each write and not synced, so it costs no write any time. It is a lower bound: after the
 * death of the process it lacks at most what was acknowledged while it was being written, and after a power cut it is
 * as old as what the operating system had still not written by itself. It is not written on the main thread, although
 * that would be cheaper: on a disk that hangs even an unsynced write may wait, and the member would with it (trap 31).
 */
export class AcknowledgedWrites {
  readonly #path: string;
  #file: FileHandle | null = null;
  #latest = 0;
  #stored = 0;
  #storing: Promise<void> | null = null;
  #failure: unknown = null;

  constructor(directory: string) {
    this.#path = join(directory, fileName);
  }

  /** @returns the number of a write that was acknowledged, and every one before it too; 0 when nothing is known */
  async open(): Promise<number> {
    try {
      this.#file = await open(this.#path, 'r+');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      this.#file = await open(this.#path, 'w+');
    }
    const { buffer, bytesRead } = await this.#file.read(
      Buffer.alloc(sealed(fileName, new Uint8Array(numberBytes)).length),
    );
    this.#stored = numberIn(buffer.subarray(0, bytesRead));
    this.#latest = this.#stored;
    return this.#stored;
  }

  /** Returns at once. @throws the failure of an earlier one: a disk that refuses this is failing */
  note(number: number): void {
    if (this.#failure) throw this.#failure;
    this.#latest = number;
    this.#storing ??= this.#store();
  }

  async #store(): Promise<void> {
    try {
      while (this.#stored < this.#latest) {
        const number = this.#latest;
        const payload = Buffer.alloc(numberBytes);
        payload.writeBigUInt64BE(BigInt(number));
        await this.#file?.write(sealed(fileName, payload), 0, undefined, 0);
        this.#stored = number;
      }
    } catch (error) {
      this.#failure = error;
    } finally {
      this.#storing = null;
    }
  }

  async close(): Promise<void> {
    await this.#storing;
    await this.#file?.close();
    this.#file = null;
  }
}

/** A note that is damaged says nothing. What it would have shown is then found by the other checks, or not at all. */
function numberIn(content: Uint8Array): number {
  try {
    return Number(Buffer.from(unsealed('the note', fileName, content)).readBigUInt64BE());
  } catch {
    return 0;
  }
}
