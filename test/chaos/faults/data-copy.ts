import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readLog } from '../../../src/storage/level-log-check.ts';
import { readManifest } from '../../../src/storage/level-manifest.ts';
import type { SimulatedRandom } from '../../simulation/random.ts';

/** A member's data as it was when the member was killed: put back, it has forgotten nothing. */
export class DataCopy {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** @param directory of a member that is down, and stays down until `restore` */
  static of(directory: string): DataCopy {
    const copy = new DataCopy(directory);
    rmSync(copy.#kept, { recursive: true, force: true });
    cpSync(directory, copy.#kept, { recursive: true });
    return copy;
  }

  wipe(): void {
    rmSync(this.#directory, { recursive: true });
  }

  restore(): void {
    rmSync(this.#directory, { recursive: true, force: true });
    cpSync(this.#kept, this.#directory, { recursive: true });
    rmSync(this.#kept, { recursive: true });
  }

  get #kept(): string {
    return `${this.#directory}.kept`;
  }
}

/** Flips one bit in the middle half of the file that holds most. @returns where */
export function flipByte(directory: string, random: SimulatedRandom): string {
  const file = greatestDataFile(directory);
  const bytes = readFileSync(file);
  let at = Math.floor(bytes.length * random.between(0.25, 0.75));
  // Zeros may be what the format leaves unused between records, which nobody reads.
  while (at < bytes.length - 1 && bytes[at] === 0) at++;
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.integer(8));
  writeFileSync(file, bytes);
  return `byte ${at} of ${basename(file)}`;
}

/** The file in which most of what was written lies, of those that LevelDB would read: a kill may leave files behind that it only deletes. */
function greatestDataFile(directory: string): string {
  const currents = readdirSync(directory, { recursive: true, withFileTypes: true }).filter(
    ({ name }) => name === 'CURRENT',
  );
  const files = currents.flatMap(({ parentPath }) => liveFiles(parentPath));
  const [greatest] = files.toSorted((a, b) => statSync(b).size - statSync(a).size);
  if (!greatest) throw new Error(`no data file in ${directory}`);
  return greatest;
}

function liveFiles(directory: string): string[] {
  const manifest = readFileSync(join(directory, 'CURRENT'), 'utf8').trim();
  const { logNumber, tables } = readManifest(readLog(readFileSync(join(directory, manifest))).records);
  return readdirSync(directory)
    .filter((name) => {
      const number = Number.parseInt(name, 10);
      return name.endsWith('.ldb') ? tables.has(number) : name.endsWith('.log') && number >= logNumber;
    })
    .map((name) => join(directory, name));
}
