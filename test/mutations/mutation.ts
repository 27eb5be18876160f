/** A bug that is put back into a copy of the project, to see whether the tests find it. */
export interface Mutation {
  /** The bug, as a sentence: what the program does wrong then. */
  readonly title: string;
  /** The number by which comments and tests call this way to fail; `null` where it has none. */
  readonly trap: number | null;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly search: string;
  readonly replacement: string;
  /** Each of these has to find the bug by itself. */
  readonly caughtBy: readonly Catcher[];
}

export type Catcher = TestCatcher | SimulatorCatcher;

export interface TestCatcher {
  /** A file of tests, of Vitest or of Python's unittest. */
  readonly test: string;
  /** Only the tests whose names hold this. */
  readonly named?: string;
}

export interface SimulatorCatcher {
  /** One of so many seeds has to break a promise. */
  readonly simulatorSeeds: number;
  /** The first of them (default: 1). */
  readonly from?: number;
}

/** @throws Error unless `search` is in `text` exactly once: else nobody could say what was tried */
export function mutated(text: string, { file, search, replacement, title }: Mutation): string {
  const [before, after, ...more] = text.split(search);
  if (before === undefined || after === undefined || more.length > 0) {
    const times = after === undefined ? 'not there' : `there ${more.length + 1} times`;
    throw new Error(
      `"${title}": the text to replace is ${times} in ${file}, and has to be there once. Put the list in test/mutations/lists/ right:\n${search}`,
    );
  }
  return `${before}${replacement}${after}`;
}
