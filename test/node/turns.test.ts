import { expect, test } from 'vitest';
import { Turns } from '../../src/node/turns.ts';
import type { Sliced } from '../../src/registry/slices.ts';

/** A clock whose next turn is made by the test. */
class HandTurns {
  readonly #callbacks: (() => void)[] = [];
  readonly turns = new Turns({
    monotonicMs: () => 0,
    wallMs: () => 0,
    after: (_delayMs, callback) => {
      this.#callbacks.push(callback);
      return () => {};
    },
  });

  get scheduled(): number {
    return this.#callbacks.length;
  }

  async turn(): Promise<void> {
    for (const callback of this.#callbacks.splice(0)) callback();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function* work(name: string, slices: number, done: string[]): Sliced<string> {
  for (let slice = 1; slice < slices; slice++) {
    done.push(`${name}${slice}`);
    yield;
  }
  done.push(`${name}${slices}`);
  return name;
}

test('work begins at once, and goes on with one slice a turn, whoever waits', async () => {
  const hand = new HandTurns();
  const done: string[] = [];
  const results = Promise.all(['a', 'b', 'c'].map((name) => hand.turns.inSlices(work(name, 3, done))));
  expect(done).toEqual(['a1', 'b1', 'c1']);
  const perTurn: number[] = [];
  for (let turn = 0; turn < 6; turn++) {
    const before = done.length;
    expect(hand.scheduled).toBe(1);
    await hand.turn();
    perTurn.push(done.length - before);
  }
  expect(perTurn).toEqual([1, 1, 1, 1, 1, 1]);
  expect(done.slice(3)).toEqual(['a2', 'b2', 'c2', 'a3', 'b3', 'c3']);
  expect(await results).toEqual(['a', 'b', 'c']);
  await hand.turn();
  expect(hand.scheduled).toBe(0);
});

test('work in one slice waits for nothing', async () => {
  const hand = new HandTurns();
  expect(await hand.turns.inSlices(work('a', 1, []))).toBe('a');
  expect(hand.scheduled).toBe(0);
});

test('work that fails says so to whoever waits for it, and nobody else', async () => {
  const hand = new HandTurns();
  function* failing(): Sliced<void> {
    yield;
    throw new Error('no more');
  }
  const failed = hand.turns.inSlices(failing()).catch((error: Error) => error.message);
  const other = hand.turns.inSlices(work('b', 2, []));
  await hand.turn();
  await hand.turn();
  expect(await failed).toBe('no more');
  expect(await other).toBe('b');
});
test('the end of a turn is one moment for all who wait for it, and each turn has its own', async () => {
  const hand = new HandTurns();
  const over: string[] = [];
  const wait = (who: string) => hand.turns.end().then(() => over.push(who));
  for (const turn of ['first', 'second']) {
    void wait(`a in the ${turn}`);
    await Promise.resolve();
    void wait(`b in the ${turn}`);
    expect(hand.scheduled).toBe(1);
    expect(over).toEqual([]);
    await hand.turn();
    expect(over.splice(0)).toEqual([`a in the ${turn}`, `b in the ${turn}`]);
  }
});
