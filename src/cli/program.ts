import { Command, CommanderError } from 'commander';
import type { CommandIo } from './command-io.ts';
import { addCompletionCommand } from './commands/completion.ts';
import { addDeregisterCommand } from './commands/deregister.ts';
import { addDevCommand } from './commands/dev.ts';
import { addGatewayCommand } from './commands/gateway.ts';
import { addGetCommand } from './commands/get.ts';
import { addGraphCommand } from './commands/graph.ts';
import { addListCommand } from './commands/list.ts';
import { addRegisterCommand } from './commands/register.ts';
import { addServeCommand } from './commands/serve.ts';
import { addStatusCommand } from './commands/status.ts';
import { addWaitCommand } from './commands/wait.ts';
import { addWatchCommand } from './commands/watch.ts';
import { CommandEnded, CommandError, exitCodes, exitCodesHelp } from './exit-codes.ts';
import { version } from './version.ts';

/** Runs one command line, without the program's name in front, and returns the exit code. Never throws. */
export async function runCommandLine(args: readonly string[], io: CommandIo): Promise<number> {
  try {
    await createProgram(io, afterDashes(args)).parseAsync([...args], { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    return report(error, io);
  }
}

/** What stands after the first `--`. */
function afterDashes(args: readonly string[]): readonly string[] {
  const at = args.indexOf('--');
  return at < 0 ? [] : args.slice(at + 1);
}

/** @param trailing what stands after `--`, which the parser hands on among the other arguments */
export function createProgram(io: CommandIo, trailing: readonly string[] = []): Command {
  const program = new Command('chora-manifest')
    .description('A strongly consistent service registry: run it, and look into it.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .configureOutput({ writeOut: (text) => io.write(text), writeErr: (text) => io.writeError(text) })
    .exitOverride()
    .showSuggestionAfterError()
    // What stands after a command's name belongs to that command: `register` has a --version of its own.
    .enablePositionalOptions()
    .addHelpText(
      'after',
      `
Examples:
  $ chora-manifest dev                      a cluster of three on this machine
  $ chora-manifest status                   who leads it
  $ chora-manifest list --tag core          what is registered
  $ chora-manifest watch                    what changes
  $ chora-manifest register --help          flags and examples of one command
${exitCodesHelp}`,
    );
  addDevCommand(program, io);
  addServeCommand(program);
  addGatewayCommand(program);
  addListCommand(program, io);
  addGetCommand(program, io);
  addWatchCommand(program, io);
  addWaitCommand(program, io);
  addRegisterCommand(program, io, trailing);
  addDeregisterCommand(program, io);
  addGraphCommand(program, io);
  addStatusCommand(program, io);
  addCompletionCommand(program, io);
  return program;
}

function report(error: unknown, io: CommandIo): number {
  // Commander has said what it has to say.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof CommandEnded) return error.exitCode;
  if (error instanceof CommandError) {
    io.writeError(`error: ${error.message}\n`);
    if (error.hint !== null) io.writeError(`hint: ${error.hint}\n`);
    return error.exitCode;
  }
  io.writeError(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return exitCodes.failure;
}
