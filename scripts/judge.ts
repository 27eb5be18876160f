import { judgeCommand } from '../test/linearizability/command.ts';

process.exitCode = judgeCommand(process.argv.slice(2));
