import { describe, expect, test } from 'vitest';
import type { Face, Outcome } from './face.ts';
import { Key } from './keys.ts';
import { Traffic } from './traffic.ts';
import { judgeTraffic } from './verdict.ts';

const strict = { removal: false, unhealthy: false, coldStart: false, forgetting: false };
const register = { type: 'register', name: 's', id: 's-0', version: '1.0.1' } as const;
const get = { type: 'get', name: 's', id: 's-0' } as const;

function registered(leaseId: number, revision: number, copies = 0): Outcome {
  return { type: 'answered', output: { type: 'registered', leaseId, created: leaseId === 1, revision }, copies };
}

function shown(leaseId: number, revision: number): Outcome {
  const record = { id: 's-0', version: '1.0.1', leaseId, status: 'up', revision } as const;
  return { type: 'answered', output: { type: 'record', record, revision }, copies: 0 };
}

/** Answers as it is told to, in turn. */
function scripted(kind: string, ...outcomes: Outcome[]): Face {
  return {
    kind,
    perform: async () => outcomes.shift() ?? { type: 'refused', reason: 'nothing is left to say' },
    close: () => {},
  };
}

async function play(
  kind: string,
  key: Key | null,
  steps: readonly (readonly [typeof register | typeof get, Outcome])[],
) {
  const traffic = new Traffic('t');
  for (const [input, outcome] of steps) await traffic.perform('a', scripted(kind, outcome), 0, input, key);
  return traffic;
}

describe('what clients saw', () => {
  test('is judged: a registration that a later read does not show is found', async () => {
    const fine = await play('REST', null, [
      [register, registered(1, 1)],
      [get, shown(1, 1)],
    ]);
    expect(judgeTraffic(fine, strict).verdict).toBe('linearizable');
    expect(fine.violations).toEqual([]);

    const lost = await play('REST', null, [
      [register, registered(1, 1)],
      [get, { type: 'answered', output: { type: 'absent', revision: 1 }, copies: 0 }],
    ]);
    expect(judgeTraffic(lost, strict).verdict).toBe('not-linearizable');
    expect(lost.violations).toHaveLength(1);
  });

  test('may go back in revisions never, whoever saw the greater one', async () => {
    const traffic = await play('REST', null, [
      [register, registered(1, 9)],
      [get, shown(1, 8)],
    ]);
    expect(traffic.violations).toEqual([expect.stringMatching(/revision 8 after 9/)]);
  });

  test('counts a request that was refused for certain as one that never happened', async () => {
    const traffic = await play('REST', null, [
      [register, { type: 'refused', reason: 'no leader' }],
      [get, shown(1, 1)],
    ]);
    expect(judgeTraffic(traffic, strict).verdict).toBe('not-linearizable');
  });

  test('allows a request without an answer to have happened, and not to have', async () => {
    const unknown: Outcome = { type: 'unknown', reason: 'the connection broke', copies: 0 };
    const happened = await play('REST', null, [
      [register, unknown],
      [get, shown(1, 1)],
    ]);
    expect(judgeTraffic(happened, strict).verdict).toBe('linearizable');
    const never = await play('REST', null, [
      [register, unknown],
      [get, { type: 'answered', output: { type: 'absent', revision: 0 }, copies: 0 }],
    ]);
    expect(judgeTraffic(never, strict).verdict).toBe('linearizable');
  });

  test('allows a copy that the gRPC client sent to take effect later, and only as many as it sent', async () => {
    const later: readonly [typeof get, Outcome] = [get, shown(2, 2)];
    const repeated = await play('gRPC', null, [[register, registered(1, 1, 1)], later]);
    expect(judgeTraffic(repeated, strict).verdict).toBe('linearizable');
    const once = await play('gRPC', null, [[register, registered(1, 1, 0)], later]);
    expect(judgeTraffic(once, strict).verdict).toBe('not-linearizable');
  });

  test('is a violation at once when an answer is never right', async () => {
    const traffic = await play('REST', null, [[register, { type: 'wrong', reason: '500' }]]);
    expect(traffic.violations).toEqual([expect.stringMatching(/never right: 500/)]);
  });

  test('makes the end of an instance certain only by answers to single requests', async () => {
    const key = new Key('s', 's-0');
    await play('REST', key, [[register, registered(1, 1)]]);
    expect(key.certain).toEqual({ state: 'listed', version: '1.0.1', leaseId: 1 });
    await play('gRPC', key, [[register, registered(3, 3, 1)]]);
    expect(key.certain).toBeNull();
  });
});
