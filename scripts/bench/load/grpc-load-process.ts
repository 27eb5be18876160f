import { runGrpcLoad } from './grpc-load.ts';
import type { GrpcRequest, LoadPlan } from './load.ts';

/** The own generator in a process of its own: takes plans as messages, one at a time, and answers each. */
process.on('message', (plan: LoadPlan & { readonly request: GrpcRequest }) => {
  runGrpcLoad(plan).then(
    (result) => process.send?.({ result }),
    (error: Error) => process.send?.({ error: error.message }),
  );
});
process.on('disconnect', () => process.exit());
