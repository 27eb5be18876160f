import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { run } from './command-line.ts';

const hasBash = spawnSync('bash', ['--version']).status === 0;

/** What bash offers for the last of these words, by the script itself. */
async function offered(...words: readonly string[]): Promise<readonly string[]> {
  const { out } = await run(['completion', 'bash']);
  const line = ['chora-manifest', ...words].map((word) => `'${word}'`).join(' ');
  const ask = `COMP_WORDS=(${line}); COMP_CWORD=${words.length}; _chora_manifest; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-c', `${out}\n${ask}`], { encoding: 'utf8' });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  return stdout.split('\n').filter((word) => word !== '');
}

describe.skipIf(!hasBash)('in bash', () => {
  it('offers the commands, those that begin as typed', async () => {
    expect(await offered('')).toEqual(
      expect.arrayContaining(['list', 'watch', 'wait', 'graph', 'completion', '--help']),
    );
    expect(await offered('wa')).toEqual(['watch', 'wait']);
  });

  it('offers the flags of the command that stands there, and of no other', async () => {
    expect(await offered('list', '--met')).toEqual(['--metadata']);
    expect(await offered('wait', '--c')).toEqual(['--count']);
    expect(await offered('get', '--c')).toEqual([]);
    expect(await offered('watch', 'billing', '--ini')).toEqual(['--initial']);
  });

  it('offers the values of a flag that has some, and nothing where any is good', async () => {
    expect(await offered('list', '-o', '')).toEqual(['table', 'wide', 'json', 'yaml', 'name']);
    expect(await offered('graph', '--output', 'd')).toEqual(['dot']);
    expect(await offered('register', '--file', '')).toEqual([]);
  });

  it('offers the values of an argument', async () => {
    expect(await offered('completion', '')).toEqual(expect.arrayContaining(['bash', 'zsh', 'fish']));
  });

  it('hides what help hides', async () => {
    expect(await offered('serve', '--exit')).toEqual([]);
  });
});

describe('the scripts', () => {
  it.each(['bash', 'zsh', 'fish'])('for %s has every command and its flags', async (shell) => {
    const { code, out, err } = await run(['completion', shell]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const word of ['list', 'watch', 'deregister', 'keep-alive', 'metadata', 'mermaid'])
      expect(out).toContain(word);
  });

  it('are there for shells that are known', async () => {
    expect(await run(['completion', 'tcsh'])).toMatchObject({ code: 2, out: '' });
  });
});
