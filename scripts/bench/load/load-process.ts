import { runGrpcLoad } from './grpc-load.ts';
import type { GrpcRequest, LoadPlan, LoadResult, PacedPlan, PacedResult, RestRequest } from './load.ts';
import { runPacedLoad } from './paced-load.ts';
import { runRestLoad } from './rest-load.ts';

/** The own generators in a process of their own: takes plans as messages, one at a time, and answers each. */
process.on('message', (plan: LoadPlan | PacedPlan) => {
  run(plan).then(
    (result) => process.send?.({ result }),
    (error: Error) => process.send?.({ error: error.message }),
  );
});
process.on('disconnect', () => process.exit());

function run(plan: LoadPlan | PacedPlan): Promise<LoadResult | PacedResult> {
  if ('flows' in plan) return runPacedLoad(plan, () => process.send?.({ phase: 'measuring' }));
  return plan.request.kind === 'rest'
    ? runRestLoad(plan as LoadPlan & { readonly request: RestRequest })
    : runGrpcLoad(plan as LoadPlan & { readonly request: GrpcRequest });
}
