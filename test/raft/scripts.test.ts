import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { runScript } from './harness/script.ts';

/** Each script says what is done and what happens by it; `UPDATE_RAFT_SCRIPTS=1` writes down what happens now. */
const folder = new URL('./scripts/', import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith('.txt'));

describe('scripts of messages', () => {
  test('are there', () => {
    expect(names.length).toBeGreaterThanOrEqual(10);
  });

  test.each(names)('%s', (name) => {
    const file = new URL(name, folder);
    const script = readFileSync(file, 'utf8');
    const happened = runScript(script);
    if (process.env.UPDATE_RAFT_SCRIPTS === '1') writeFileSync(file, happened);
    else expect(happened).toBe(script);
  });

  test('that ask for what cannot be are refused', () => {
    expect(() => runScript('tick a 1')).toThrow('comes before "members"');
    expect(() => runScript('members a\nfly a')).toThrow('there is no step "fly"');
    expect(() => runScript('members a\ndrop a')).toThrow('is no way from one member to another');
    expect(() => runScript('members a\npropose a x')).toThrow('a takes no proposal');
    expect(() => runScript('members a\ntick b 1')).toThrow('there is no member b');
  });
});
