import { describe, expect, test } from 'vitest';
import type { Tombstone } from '../../src/registry/machine.ts';
import { defaultRegistryLimits, Graveyard } from '../../src/registry/memories.ts';
import { SeededRandom } from '../transport/random-messages.ts';

const tombstone = (id: string, atLeaseMs: number): Tombstone => ({
  name: 'svc',
  id,
  leaseId: atLeaseMs,
  cause: 'expired',
  atWallMs: 0,
  atLeaseMs,
});

describe('a memory', () => {
  test('holds what a plain list of the newest would, through many thousand changes', () => {
    const limits = { ...defaultRegistryLimits, tombstoneMs: 3_000, tombstoneMax: 40 };
    const random = new SeededRandom(11);
    const graveyard = new Graveyard(limits);
    let expected: Tombstone[] = [];
    for (let leaseMs = 0; leaseMs < 20_000; leaseMs += random.integer(20)) {
      // Of many names, or of few that come again and again.
      const id = `i-${random.integer(leaseMs < 10_000 ? 20 : 200)}`;
      expected = expected.filter((each) => each.id !== id);
      if (random.integer(4) === 0) {
        graveyard.clear('svc', id);
      } else {
        graveyard.bury(tombstone(id, leaseMs));
        expected.push(tombstone(id, leaseMs));
      }
      graveyard.forget(leaseMs);
      expected = expected.filter(({ atLeaseMs }) => leaseMs - atLeaseMs <= limits.tombstoneMs);
      expected = expected.slice(-limits.tombstoneMax);
      expect(graveyard.all()).toEqual(expected);
      expect(graveyard.find('svc', id)).toEqual(expected.find((each) => each.id === id));
    }
    expect(expected.length).toBeGreaterThan(0);
  });
});
