import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Shell } from '../../src/cli/completion-scripts.ts';

const program = 'chora-manifest';

/** Why a shell cannot be asked here; `null` where it can. The project's own gate has all of them. */
export function missing(shell: Shell): string | null {
  if (spawnSync(shell, ['--version'], { timeout: 10_000 }).status === 0) return null;
  if (process.env.CI === 'true') throw new Error(`${shell} is missing: .ci/run should have installed it.`);
  return `${shell} is missing: apt-get install ${shell}`;
}

/** What a shell that has read the script offers for the last of these words, as it stands behind the others. */
export function offered(shell: Shell, script: string, words: readonly string[]): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'manifest-completion-'));
  try {
    const file = join(directory, 'script');
    writeFileSync(file, script);
    return ask[shell](file, words, directory).filter((word) => word !== '');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const ask: Readonly<Record<Shell, (file: string, words: readonly string[], directory: string) => string[]>> = {
  bash(file, words) {
    const line = [program, ...words].map((word) => `'${word}'`).join(' ');
    const question = `COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _chora_manifest; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return run('bash', ['--norc', '-c', `source ${file}; ${question}`]);
  },

  fish(file, words) {
    const line = [program, ...words].join(' ');
    // A word and what it means are a tab apart.
    const lines = run('fish', ['--no-config', '-c', 'source $argv[1]; complete -C $argv[2]', file, line]);
    return lines.map((each) => each.split('\t', 1)[0] ?? '');
  },

  zsh(file, words, directory) {
    const line = [program, ...words].join(' ');
    const [answers, setup] = [join(directory, 'answers'), join(directory, 'setup')];
    writeFileSync(answers, '');
    writeFileSync(setup, zshSetup(file, answers));
    return run('zsh', ['-f', '-c', zshConversation, 'ask', setup, answers, line]);
  },
};

/** zsh completes only at a terminal, where a key is bound to that: here to one that writes down what is offered. */
const zshSetup = (script: string, answers: string) => `
PROMPT=
autoload -Uz compinit && compinit -D -u
source ${script}
compadd() {
  local -a words
  builtin compadd -O words "$@"
  print -rl -- $words >> ${answers}
  builtin compadd "$@"
}
offer() { zle list-choices; print -r -- . >> ${answers} }
zle -N offer
bindkey '^I' offer
`;

const zshConversation = `
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "source $1"
zpty -w -n shell "$3"$'\\t'
for attempt in {1..600}; do
  grep -q '^\\.$' $2 && break
  zpty -r -t shell text || sleep 0.05
done
zpty -d shell
grep -q '^\\.$' $2 || { print -u2 'no answer came'; exit 1 }
grep -v '^\\.$' $2 || true
`;

function run(shell: Shell, parameters: readonly string[]): string[] {
  const { stdout, stderr, status } = spawnSync(shell, parameters, {
    encoding: 'utf8',
    timeout: 60_000,
    env: { PATH: process.env.PATH ?? '', TERM: 'xterm', HOME: tmpdir() },
  });
  if (status !== 0 || stderr !== '') throw new Error(`${shell} ended with ${status}: ${stderr}`);
  return stdout.split('\n');
}
