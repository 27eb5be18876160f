import { describe, expect, test } from 'vitest';
import { SimulatedRandom } from '../simulation/random.ts';
import { type Certainty, Key, KeySupply } from './keys.ts';

const listed: Certainty = { state: 'listed', version: '1.0.1', leaseId: 7 };
const absent: Certainty = { state: 'absent' };

describe('what is certain of an instance', () => {
  test('is what the last write said, when it was alone', () => {
    const key = new Key('a', 'a-0');
    key.endWrite(key.beginWrite(), listed);
    expect(key.certain).toEqual(listed);
    key.endWrite(key.beginWrite(), absent);
    expect(key.certain).toEqual(absent);
  });

  test('is nothing while a write is under way, or when two overlapped', () => {
    const key = new Key('a', 'a-0');
    const first = key.beginWrite();
    expect(key.certain).toBeNull();
    const second = key.beginWrite();
    key.endWrite(first, listed);
    key.endWrite(second, absent);
    expect(key.certain).toBeNull();
    key.endWrite(key.beginWrite(), listed);
    expect(key.certain).toEqual(listed);
  });

  test('is nothing for ever after a write without an answer, which may still happen', () => {
    const key = new Key('a', 'a-0');
    key.endWrite(key.beginWrite(), null);
    key.endWrite(key.beginWrite(), listed);
    expect(key.certain).toBeNull();
  });
});

describe('the supply of instances', () => {
  test('hands the same ones to several clients, and new ones when they are spent', () => {
    const supply = new KeySupply('s');
    const random = new SimulatedRandom('keys');
    for (let i = 0; i < 2_000; i++) supply.take(random);
    expect(supply.all.length).toBeGreaterThan(24);
    expect(supply.all.length).toBeLessThan(60);
    const doubtful = supply.take(random);
    for (let i = 0; i < 3; i++) doubtful.endWrite(doubtful.beginWrite(), null);
    expect(doubtful.isSpent).toBe(true);
    for (let i = 0; i < 200; i++) expect(supply.take(random)).not.toBe(doubtful);
  });
});
