import { runGrpcLoad } from './grpc-load.ts';
import type { GrpcRequest, LoadPlan, PacedPlan } from './load.ts';
import { runPacedLoad } from './paced-load.ts';

type Plan = (LoadPlan & { readonly request: GrpcRequest }) | PacedPlan;

/** The own generator in a process of its own: takes plans as messages, one at a time, and answers each. */
process.on('message', (plan: Plan) => {
  const result = 'flows' in plan ? runPacedLoad(plan, () => process.send?.({ phase: 'measuring' })) : runGrpcLoad(plan);
  result.then(
    (found) => process.send?.({ result: found }),
    (error: Error) => process.send?.({ error: error.message }),
  );
});
process.on('disconnect', () => process.exit());
