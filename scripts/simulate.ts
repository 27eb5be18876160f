import { runSimulator } from '../test/simulation/command.ts';

process.exitCode = await runSimulator(process.argv.slice(2));
