import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { version } from '../../src/cli/version.ts';
import { optionTable, variableOf } from '../../src/config/option-table.ts';
import { run } from './command-line.ts';

const io = {
  write: () => {},
  writeError: () => {},
  readInput: () => '',
  colour: false,
  isTerminal: false,
  signals: new EventEmitter(),
};
const commands = createProgram(io).commands.map((command) => command.name());

describe('help', () => {
  it('is there for every command of the quick start', () => {
    expect(commands).toEqual([
      'dev',
      'serve',
      'gateway',
      'list',
      'get',
      'watch',
      'wait',
      'register',
      'deregister',
      'graph',
      'status',
      'completion',
    ]);
  });

  it.each(commands)('of %s teaches with examples', async (command) => {
    const { code, out, err } = await run([command, '--help']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const examples = out.slice(out.indexOf('Examples:')).match(/^ {2}\$ .*chora-manifest /gm) ?? [];
    expect(examples.length).toBeGreaterThanOrEqual(2);
  });

  it.each(commands.slice(3))('of %s names the exit codes', async (command) => {
    expect((await run([command, '--help'])).out).toMatch(
      /Exit codes:\n.*0 done.*2 wrong usage.*3 not found\n.*4 no member/,
    );
  });

  it('of serve has every option with its variable and its default', async () => {
    const text = (await run(['serve', '--help'])).out.replaceAll(/\s+/g, ' ');
    for (const { name, fallback } of optionTable) {
      expect(text).toContain(`--${name} `);
      expect(text).toContain(`[${variableOf(name)}]`);
      if (fallback !== '') expect(text).toContain(`default ${fallback} [${variableOf(name)}]`);
    }
  });

  it('shows no token that is in the environment', async () => {
    const { out } = await run(['list', '--help'], { environment: { MANIFEST_AUTH_TOKEN: 'hush-hush' } });
    expect(out).toContain('MANIFEST_AUTH_TOKEN');
    expect(out).not.toContain('hush-hush');
  });

  it('goes to standard error, with 2, when no command is given', async () => {
    const { code, out, err } = await run([]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('Usage: chora-manifest');
  });
});

describe('the command line', () => {
  it('prints the version', async () => {
    expect(await run(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' });
  });

  it.each([
    [['lst'], 'Did you mean list?'],
    [['list', '--tga', 'x'], 'Did you mean --tag?'],
    [['dev', '--members', '5'], 'how many members is said with --nodes 5'],
    [['get'], "missing required argument 'NAME'"],
    [['status', 'extra'], 'too many arguments'],
  ])('refuses %j with 2 and a helping word', async (args, message) => {
    const { code, err } = await run(args);
    expect(code).toBe(2);
    expect(err).toContain(message);
  });
});
