import { runH2load } from './h2load.ts';
import type { GrpcRequest, LoadPlan, LoadResult, PacedPlan, PacedResult, RestRequest } from './load.ts';
import { OwnGenerator } from './own-generator.ts';
import { isInstalled } from './run-program.ts';
import { runWrk } from './wrk.ts';

/** Chooses the generator for each plan: a public one where it can do it, so that its cost is small and not our own. */
export class Generators {
  readonly #directory: string;
  readonly #own = new OwnGenerator();
  readonly #hasWrk = isInstalled('wrk');
  readonly #hasH2load = isInstalled('h2load');

  /** @param directory for files on the way to a generator */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @throws Error when any answer is wrong */
  async run(plan: LoadPlan): Promise<LoadResult> {
    const result = await this.#run(plan);
    if (result.failures > 0) {
      throw new Error(
        `${result.failures} of ${result.failures + result.operations} answers were wrong (${result.firstFailure}), so there is nothing to measure.`,
      );
    }
    return result;
  }

  /** Failures are among the results. @param measuring called when the warm-up is over. @throws Error when a connection breaks */
  runPaced(plan: PacedPlan, measuring: () => void): Promise<PacedResult> {
    return this.#own.runPaced(plan, measuring);
  }

  stop(): void {
    this.#own.stop();
  }

  #run(plan: LoadPlan): Promise<LoadResult> {
    const { request } = plan;
    if (request.kind === 'rest') {
      const restPlan = plan as LoadPlan & { readonly request: RestRequest };
      return this.#hasWrk ? runWrk(restPlan, this.#directory) : this.#own.run(restPlan);
    }
    const grpcPlan = plan as LoadPlan & { readonly request: GrpcRequest };
    return this.#hasH2load && isFixed(grpcPlan) ? runH2load(grpcPlan, this.#directory) : this.#own.run(grpcPlan);
  }
}

/** h2load sends one body in unary calls, for a time. */
function isFixed({ request, requests }: LoadPlan & { readonly request: GrpcRequest }): boolean {
  const [message = ''] = request.messages;
  const hasNumber = Buffer.from(message, 'base64').includes('#');
  return request.call === 'unary' && request.messages.length === 1 && !hasNumber && requests === undefined;
}
