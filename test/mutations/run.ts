import { type Finding, find, tryCatcher, vitest } from './catching.ts';
import type { Catcher, Mutation, TestCatcher } from './mutation.ts';
import { ProjectCopy } from './project-copy.ts';
import { describeOutcome, type Tried } from './report.ts';

export interface RunOptions {
  readonly mutations: readonly Mutation[];
  /** Mutations tried side by side, each in a copy of its own. */
  readonly jobs: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Puts each bug back, alone, and runs what has to catch it. The result is in the order of `mutations`.
 * @throws Error when the tests fail without any bug, or a mutation does not fit its file: nothing would be shown then
 */
export async function tryMutations({ mutations, jobs, say, signal }: RunOptions): Promise<readonly Tried[]> {
  const copies: ProjectCopy[] = [];
  try {
    for (let job = 0; job < Math.min(jobs, mutations.length); job++) copies.push(new ProjectCopy());
    const [first] = copies;
    if (first) await expectGreen(mutations, first.directory, say, signal);
    const tried: Tried[] = [];
    let next = 0;
    const work = async (copy: ProjectCopy) => {
      for (let mine = next++; mine < mutations.length; mine = next++) {
        const mutation = mutations[mine];
        if (!mutation) return;
        const one = await tryMutation(mutation, copy, signal);
        tried[mine] = one;
        const trap = mutation.trap === null ? '' : `trap ${mutation.trap}: `;
        say(`${mine + 1} of ${mutations.length}  ${trap}${mutation.title}`);
        for (const outcome of one.outcomes) say(`        ${describeOutcome(outcome)}`);
      }
    };
    await Promise.all(copies.map(work));
    return tried;
  } finally {
    for (const copy of copies) copy.remove();
  }
}

async function tryMutation(mutation: Mutation, copy: ProjectCopy, signal: AbortSignal): Promise<Tried> {
  return copy.with(mutation, async () => {
    const outcomes = [];
    for (const catcher of mutation.caughtBy)
      outcomes.push(await tryCatcher(catcher, copy.directory, signal, mutation.trap));
    return { mutation, outcomes };
  });
}

/** A test that fails anyway would seem to catch everything. */
async function expectGreen(
  mutations: readonly Mutation[],
  directory: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  say('without any bug, all of these have to pass:');
  const catchers = mutations.flatMap(({ caughtBy }) => caughtBy);
  const tests = [...new Set(catchers.flatMap((catcher) => ('test' in catcher ? [catcher.test] : [])))];
  const inVitest: TestCatcher[] = tests.filter((test) => !test.endsWith('.py')).map((test) => ({ test }));
  const inPython: Catcher[] = tests.filter((test) => test.endsWith('.py')).map((test) => ({ test }));
  const simulated = catchers.flatMap((catcher) => ('test' in catcher ? [] : [catcher]));
  const check = ({ result, by, effort }: Finding) => {
    if (result !== 'survived') throw new Error(`This fails without any bug, mend it first:\n${by.join('\n')}`);
    say(`        ${effort}: passed`);
  };
  if (inVitest.length > 0) check(await vitest(inVitest, directory, signal));
  for (const catcher of inPython) check(await find(catcher, directory, signal));
  for (const from of new Set(simulated.map((catcher) => catcher.from ?? 1))) {
    const seeds = simulated.map((catcher) => ((catcher.from ?? 1) === from ? catcher.simulatorSeeds : 0));
    check(await find({ simulatorSeeds: Math.max(...seeds), from }, directory, signal));
  }
}
