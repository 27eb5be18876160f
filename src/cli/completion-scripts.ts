import type { Argument, Command, Option } from 'commander';

export const shells = ['bash', 'zsh', 'fish'] as const;

export type Shell = (typeof shells)[number];

/** Made from the definitions of the commands, so that no script knows a flag less or more than the parser does. */
export function completionScript(program: Command, shell: Shell): string {
  if (shell === 'fish') return fishScript(program);
  const script = bashScript(program);
  // zsh runs the completions of bash, values and all.
  if (shell === 'bash') return script;
  return `#compdef ${program.name()}\nautoload -Uz bashcompinit && bashcompinit\n${script}`;
}

function bashScript(program: Command): string {
  const name = program.name();
  const branches = program.commands.map((command) => {
    const options = optionsOf(command);
    const values = options
      .filter((option) => option.argChoices)
      .map((option) => `      ${flagsOf(option).join('|')}) words=${quoted(option.argChoices?.join(' ') ?? '')} ;;`);
    const free = options.filter((option) => takesValue(option) && !option.argChoices).flatMap(flagsOf);
    // What is to be typed freely may be a file: bash completes those where no word fits.
    if (free.length > 0) values.push(`      ${free.join('|')}) return ;;`);
    const flags = options.flatMap(flagsOf).join(' ');
    return [
      `    ${command.name()})`,
      '      case "$before" in',
      ...values,
      `      *) words=${quoted([flags, ...choicesOf(command.registeredArguments)].join(' '))} ;;`,
      '      esac ;;',
    ].join('\n');
  });
  return `# ${name} completion: eval "$(${name} completion bash)"
_${name.replaceAll('-', '_')}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" words=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    words=${quoted([...program.commands.map((command) => command.name()), ...optionsOf(program).flatMap(flagsOf)].join(' '))}
  else
    case "\${COMP_WORDS[1]}" in
${branches.join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _${name.replaceAll('-', '_')} ${name}
`;
}

function fishScript(program: Command): string {
  const name = program.name();
  const stands = `__${name.replaceAll('-', '_')}_command`;
  const say = `complete -c ${name} -n`;
  // fish has a function of its own for this, which takes a service called "list" for the command.
  const lines = [
    `# ${name} completion: ${name} completion fish | source`,
    `function ${stands}`,
    '  set -l words (commandline -opc) ""',
    '  test "$words[2]" = "$argv"',
    'end',
    ...optionsOf(program).map((option) => `${say} ${stands} ${fishOption(option)}`),
  ];
  for (const command of program.commands) {
    lines.push(`${say} ${stands} -f -a ${command.name()} -d ${quoted(command.summary())}`);
    const inside = quoted(`${stands} ${command.name()}`);
    for (const option of optionsOf(command)) lines.push(`${say} ${inside} ${fishOption(option)}`);
    const choices = choicesOf(command.registeredArguments);
    if (choices.length > 0) lines.push(`${say} ${inside} -f -a ${quoted(choices.join(' '))}`);
  }
  return `${lines.join('\n')}\n`;
}

function fishOption(option: Option): string {
  const parts: string[] = [];
  if (option.short) parts.push('-s', option.short.slice(1));
  if (option.long) parts.push('-l', option.long.slice(2));
  if (option.argChoices) parts.push('-x', '-a', quoted(option.argChoices.join(' ')));
  else if (takesValue(option)) parts.push('-r');
  return [...parts, '-d', quoted(option.description)].join(' ');
}

function optionsOf(command: Command): readonly Option[] {
  return command.createHelp().visibleOptions(command);
}

function flagsOf({ short, long }: Option): string[] {
  return [short, long].filter((flag) => flag !== undefined);
}

function takesValue({ required }: Option): boolean {
  return required;
}

function choicesOf(args: readonly Argument[]): readonly string[] {
  return args.flatMap(({ argChoices }) => argChoices ?? []);
}

/** A single word for every shell here. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", '’')}'`;
}
