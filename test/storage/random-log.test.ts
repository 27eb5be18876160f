import { describe, expect, test } from 'vitest';
import type { RestoredState } from '../../src/raft/types.ts';
import { seededRandom } from '../raft/harness/random.ts';
import { type EngineWorld, LevelWorld, MemoryWorld } from './engine-worlds.ts';
import { Lives } from './lives.ts';
import { LogModel } from './log-model.ts';

/** To compare at once: an assertion on long arrays of bytes takes many times as long. */
function textOf({ entries, ...rest }: RestoredState): string {
  const texts = entries.map(({ index, term, kind, data }) => `${index}/${term} ${kind} ${Buffer.from(data)}`);
  return [JSON.stringify(rest), ...texts].join('\n');
}

/** Appends, replacements, snapshots, crashes and restarts in a random order, each restart held against a plain array. */
async function runSeed(seed: number, world: EngineWorld, changes: number): Promise<void> {
  const random = seededRandom(seed);
  const lives = new Lives(world);
  const model = new LogModel(random);
  let { storage, store } = await lives.begin();
  const history: string[] = [];
  for (let change = 0; change < changes; change++) {
    history.push(await model.change(storage));
    if (change < changes - 1 && random(4) > 0) continue;
    const life = random(2) === 0 ? await lives.reopen() : await lives.reopenAfterCrash();
    const isEqual = textOf(life.opened.restored) === textOf(model.restored);
    expect(isEqual, `seed ${seed}:\n${history.join('\n')}`).toBe(true);
    history.push('restart');
    ({ storage, store } = life);
    store.losesClears = random(2) === 0;
  }
}

describe('a log that is changed at random', { timeout: 120_000 }, () => {
  test.each(Array.from({ length: 10 }, (_, i) => i * 10))(
    'is the same after each restart: in memory, 10 seeds from %d on',
    async (first) => {
      for (let seed = first; seed < first + 10; seed++) await runSeed(seed, new MemoryWorld(), 60);
    },
  );

  test.each(Array.from({ length: 4 }, (_, i) => 1_000 + i))(
    'is the same after each restart: in LevelDB, seed %d',
    async (seed) => {
      const world = new LevelWorld();
      try {
        await runSeed(seed, world, 40);
      } finally {
        await world.destroy();
      }
    },
  );
});
