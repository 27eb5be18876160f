import { beforeEach, expect, test } from 'vitest';
import { ReadGate } from '../../src/node/read-gate.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

let nowMs: number;
let appliedIndex: number;
let asked: number[];
let gate: ReadGate;

beforeEach(() => {
  nowMs = 0;
  appliedIndex = 10;
  asked = [];
  gate = new ReadGate(
    {
      nowMs: () => nowMs,
      readIndex: (context) => asked.push(context),
      appliedIndex: () => appliedIndex,
      wake: () => {},
    },
    1_000,
  );
});

function read(timeoutMs = 1_000): { ended: string | null } {
  const watched: { ended: string | null } = { ended: null };
  gate.level(timeoutMs).then(
    () => {
      watched.ended = 'level';
    },
    (error) => {
      watched.ended = error.code;
    },
  );
  return watched;
}

test('reads of one turn share one round, and later ones never join a round under way', async () => {
  const early = [read(), read()];
  gate.flush();
  const late = read();
  gate.flush();
  expect(asked).toEqual([1_000, 1_001]);
  gate.answered([{ context: 1_000, index: 10 }]);
  await settled();
  expect(early.map(({ ended }) => ended)).toEqual(['level', 'level']);
  expect(late.ended).toBeNull();
});

test('a read waits until this member has applied the confirmed index', async () => {
  const waiting = read();
  gate.flush();
  gate.answered([{ context: 1_000, index: 12 }]);
  appliedIndex = 11;
  gate.applied();
  await settled();
  expect(waiting.ended).toBeNull();
  appliedIndex = 12;
  gate.applied();
  await settled();
  expect(waiting.ended).toBe('level');
});

test('trap 25: a read that could not be confirmed asks again under a new context', async () => {
  const waiting = read();
  gate.flush();
  gate.answered([{ context: 1_000, index: null }]);
  gate.tick();
  gate.flush();
  expect(asked).toEqual([1_000, 1_001]);
  // A late answer to the first question counts for nothing.
  gate.answered([{ context: 1_000, index: 1 }]);
  await settled();
  expect(waiting.ended).toBeNull();
  gate.answered([{ context: 1_001, index: 10 }]);
  await settled();
  expect(waiting.ended).toBe('level');
});

test('a read that nobody confirms in time fails as unavailable, wherever it waits', async () => {
  const arriving = read(100);
  gate.flush();
  const waitingToApply = read(100);
  gate.flush();
  gate.answered([{ context: 1_001, index: 99 }]);
  nowMs = 100;
  gate.tick();
  await settled();
  expect([arriving.ended, waitingToApply.ended]).toEqual(['service_unavailable', 'service_unavailable']);
});

test('trap 30: this member is level only from the moment a round that it asked for is applied, dated at the question', async () => {
  expect(gate.levelAtMs).toBeNull();
  read();
  nowMs = 5;
  gate.flush();
  nowMs = 40;
  gate.answered([{ context: 1_000, index: 11 }]);
  expect(gate.levelAtMs).toBeNull();
  appliedIndex = 11;
  gate.applied();
  expect(gate.levelAtMs).toBe(5);
});
