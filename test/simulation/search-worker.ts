import { simulate } from './run.ts';
import type { Overrides } from './scenario.ts';

/** One of several processes that search: gets a seed, answers with its result, until its parent disconnects. */
process.on('message', ({ seed, overrides }: { readonly seed: number; readonly overrides: Overrides }) => {
  simulate(seed, overrides).then(
    (result) => process.send?.(result),
    (error) => {
      console.error(`seed ${seed} cannot be simulated:`, error);
      process.exit(1);
    },
  );
});
