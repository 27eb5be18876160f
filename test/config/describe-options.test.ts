import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeOptions, warningsOf } from '../../src/config/describe-options.ts';
import { type OptionSpec, optionTable, variableOf } from '../../src/config/option-table.ts';
import { readOptions } from '../../src/config/options.ts';
import { renderOptionsMarkdown } from '../../src/config/render-options.ts';

const specs: readonly OptionSpec[] = optionTable;
const read = (flags: Record<string, string>) => readOptions({ flags, environment: {} });

describe('the configuration that a member prints', () => {
  it('has every option in force, under the name by which it is given', () => {
    const described = describeOptions(read({ peers: 'node-1=a:8503,node-2=b:8503,node-3=c:8503' }));
    expect(described).toMatchObject({ 'node-id': 'node-1', 'rest-port': 8500, 'heartbeat-interval': 10 });
    expect(described.peers).toBe('node-1=a:8503,node-2=b:8503,node-3=c:8503');
    expect(Object.keys(described)).toEqual(specs.filter(({ key }) => key !== null).map(({ name }) => name));
  });

  it('says whether there is a token and never which', () => {
    const withToken = describeOptions(read({ 'auth-token': 'hush-hush' }));
    expect(withToken['auth-token']).toBe('(set)');
    expect(JSON.stringify(withToken)).not.toContain('hush-hush');
    expect(describeOptions(read({}))['auth-token']).toBe('(none)');
  });
});

describe('what is allowed and deserves a warning', () => {
  const three = 'node-1=10.0.0.1:8503,node-2=10.0.0.2:8503,node-3=10.0.0.3:8503';

  it('is nothing in a cluster of three with a token', () => {
    expect(warningsOf(read({ host: '10.0.0.1', peers: three, 'auth-token': 'x' }))).toEqual([]);
  });

  it.each<[string, Record<string, string>, string]>([
    [
      'an even number of members',
      { peers: `${three},node-4=10.0.0.4:8503` },
      '4 members survive no more failures than 3',
    ],
    ['a cluster of one', {}, 'a cluster of one stops with its only member'],
    ['a peer port that is not its own', { peers: three, 'peer-port': '9503' }, 'while its peer-port is 9503'],
    ['no token beyond loopback', { peers: three, host: '0.0.0.0' }, 'MANIFEST_AUTH_TOKEN'],
    ['an address that nobody else can reach', { peers: three, host: '0.0.0.0' }, 'MANIFEST_REST_ADDRESS'],
    ['a store that forgets', { peers: three, storage: 'memory' }, 'keeps nothing'],
  ])('is %s', (_what, flags, warning) => {
    expect(warningsOf(read(flags)).join('\n')).toContain(warning);
  });
});

describe('the table of options', () => {
  it('gives each option a name, a variable and a place of its own', () => {
    for (const taken of [
      specs.map(({ name }) => name),
      specs.map(({ name }) => variableOf(name)),
      specs.flatMap(({ key }) => (key === null ? [] : [key])),
    ]) {
      expect(new Set(taken).size).toBe(taken.length);
    }
  });

  it('has defaults that its own schemas accept', () => {
    for (const { name, schema, fallback } of specs) {
      expect(schema.safeParse(fallback).success, name).toBe(true);
    }
  });

  it('stands in docs/configuration.md as it is in the program', () => {
    const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
    const tables = page.slice(page.indexOf('### '), page.indexOf('\n## What must fit together')).trim();
    expect(tables, 'put the output of renderOptionsMarkdown() into docs/configuration.md').toBe(
      renderOptionsMarkdown(),
    );
  });
});
