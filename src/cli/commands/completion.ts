import { Argument, type Command } from 'commander';
import type { CommandIo } from '../command-io.ts';
import { completionScript, type Shell, shells } from '../completion-scripts.ts';
import { exitCodesHelp } from '../exit-codes.ts';

export function addCompletionCommand(program: Command, io: CommandIo): void {
  program
    .command('completion')
    .addArgument(new Argument('<SHELL>', 'the shell to complete in').choices(shells))
    .summary('print what completes commands and flags in a shell')
    .description('Prints a script that completes the names of commands, flags and their values in bash, zsh or fish.')
    .addHelpText(
      'after',
      `
Examples:
  $ eval "$(chora-manifest completion bash)"            in ~/.bashrc
  $ eval "$(chora-manifest completion zsh)"             in ~/.zshrc, after compinit
  $ chora-manifest completion fish > ~/.config/fish/completions/chora-manifest.fish
${exitCodesHelp}`,
    )
    .action((shell: Shell) => io.write(completionScript(program, shell)));
}
