import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { waitFor } from '../process/wait-for.ts';

/** What a test can do to a member from within its process; see `member-controls.mjs`. */
export interface MemberControls {
  /** Added to the wall clock. */
  readonly clockOffsetMs: number;
  /** Before each write to the store. */
  readonly writeDelayMs: number;
  /** Message of the error with which each write to the store fails; `null` when it does not. */
  readonly writeError: string | null;
}

const untouched: MemberControls = { clockOffsetMs: 0, writeDelayMs: 0, writeError: null };

/** The handle on one member's controls, through a file that the member looks at. */
export class ControlFile {
  readonly #path: string;
  #number = 0;
  #current = untouched;

  constructor(path: string) {
    this.#path = path;
  }

  /** For the member's process. */
  get environment(): Readonly<Record<string, string>> {
    return {
      CHAOS_CONTROLS: this.#path,
      NODE_OPTIONS: `--import ${new URL('./member-controls.mjs', import.meta.url).href}`,
    };
  }

  get current(): MemberControls {
    return this.#current;
  }

  /** Changes some of the controls. A member that is down finds them when it starts. */
  set(changes: Partial<MemberControls>): void {
    this.#current = { ...this.#current, ...changes };
    this.#number++;
    // In one step, so that the member never reads half of it.
    writeFileSync(`${this.#path}.new`, JSON.stringify({ ...this.#current, number: this.#number }));
    renameSync(`${this.#path}.new`, this.#path);
  }

  /** Takes all of it back. */
  reset(): void {
    if (this.#number > 0) this.set(untouched);
  }

  /** Resolves when the member has what was set last in force. */
  async inForce(timeoutMs = 20_000): Promise<void> {
    await waitFor(() => (this.#seen() === this.#number ? true : undefined), {
      timeoutMs,
      what: `the member to follow ${this.#path}`,
    });
  }

  #seen(): number {
    const path = `${this.#path}.seen`;
    return existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0;
  }
}
