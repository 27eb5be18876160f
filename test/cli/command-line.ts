import { EventEmitter } from 'node:events';
import { vi } from 'vitest';
import { runCommandLine } from '../../src/cli/program.ts';

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Surroundings {
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly colour?: boolean;
  readonly isTerminal?: boolean;
  /** Where the test sends signals from. */
  readonly signals?: EventEmitter;
  /** Called with all that stands on standard output, whenever there is more of it. */
  readonly onWrite?: (out: string) => void;
  /** The same for standard error. */
  readonly onError?: (err: string) => void;
}

const clientVariables = ['MANIFEST_URL', 'MANIFEST_AUTH_TOKEN', 'MANIFEST_ENDPOINTS', 'MANIFEST_CONFIG'];

/** Runs one command line in this process, with the variables given and no others of ours. */
export async function run(args: readonly string[], surroundings: Surroundings = {}): Promise<Outcome> {
  const { environment = {}, input = '', colour = false, isTerminal = false } = surroundings;
  const written = { out: '', err: '' };
  for (const name of clientVariables) vi.stubEnv(name, environment[name]);
  try {
    const code = await runCommandLine(args, {
      write: (text) => {
        written.out += text;
        surroundings.onWrite?.(written.out);
      },
      writeError: (text) => {
        written.err += text;
        surroundings.onError?.(written.err);
      },
      readInput: () => input,
      colour,
      isTerminal,
      signals: surroundings.signals ?? new EventEmitter(),
    });
    return { code, ...written };
  } finally {
    vi.unstubAllEnvs();
  }
}
