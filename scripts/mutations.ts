import { runMutations } from '../test/mutations/command.ts';

process.exitCode = await runMutations(process.argv.slice(2));
