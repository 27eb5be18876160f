import { describe, expect, it } from 'vitest';
import { shells } from '../../src/cli/completion-scripts.ts';
import { run } from './command-line.ts';
import { missing, offered } from './shells.ts';

describe.each(shells)('%s, with the script for it,', (shell) => {
  /** What is offered for each of these lines, sorted. */
  async function offers(...lines: readonly (readonly string[])[]): Promise<string[][]> {
    const { out } = await run(['completion', shell]);
    return lines.map((words) => offered(shell, out, words).sort());
  }

  const ask = (sentence: string, question: () => Promise<void>) =>
    it(sentence, { timeout: 120_000 }, async ({ skip }) => {
      const reason = missing(shell);
      if (reason !== null) return skip(reason);
      await question();
    });

  ask('offers the commands, those that begin as typed, and the flags of the program', async () => {
    const [all, some, flags] = await offers([''], ['wa'], ['--ver']);
    expect(all).toEqual(expect.arrayContaining(['list', 'watch', 'wait', 'graph', 'completion']));
    expect(some).toEqual(['wait', 'watch']);
    expect(flags).toEqual(['--version']);
  });

  ask('offers the flags of the command that stands there, and of no other', async () => {
    expect(
      await offers(
        ['list', '--met'],
        ['wait', '--c'],
        ['get', '--c'],
        ['watch', 'billing', '--ini'],
        ['get', 'list', '--met'],
      ),
    ).toEqual([['--metadata'], ['--count'], [], ['--initial'], []]);
  });

  ask('offers the values of a flag or an argument that has some', async () => {
    expect(await offers(['list', '-o', ''], ['graph', '--output', 'd'], ['completion', 'f'])).toEqual([
      ['json', 'name', 'table', 'wide', 'yaml'],
      ['dot'],
      ['fish'],
    ]);
  });

  ask('offers no word where any is good, and hides what help hides', async () => {
    const [free, hidden] = await offers(['register', '--description', 'li'], ['serve', '--exit']);
    expect(free).not.toContain('list');
    expect(hidden).toEqual([]);
  });
});

describe('the scripts', () => {
  it.each(shells)('for %s has every command and its flags', async (shell) => {
    const { code, out, err } = await run(['completion', shell]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const word of ['list', 'watch', 'deregister', 'keep-alive', 'metadata', 'mermaid'])
      expect(out).toContain(word);
  });

  it('are there for shells that are known, which others are told', async () => {
    const { code, out, err } = await run(['completion', 'tcsh']);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('Allowed choices are bash, zsh, fish.');
  });
});
