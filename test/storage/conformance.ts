import { afterEach, beforeEach, describe } from 'vitest';
import { describeDamage } from './conformance-damage.ts';
import { describeFailures } from './conformance-failures.ts';
import { describeLog } from './conformance-log.ts';
import { describeRuns } from './conformance-runs.ts';
import { describeSnapshots } from './conformance-snapshots.ts';
import type { EngineWorld } from './engine-worlds.ts';
import { Lives } from './lives.ts';

/** What storage has to do on every engine. @param makeWorld makes an empty data directory for each test */
export function describeStorage(name: string, makeWorld: () => EngineWorld): void {
  describe(name, () => {
    let lives: Lives;
    beforeEach(() => {
      lives = new Lives(makeWorld());
    });
    afterEach(() => lives.world.destroy());

    describeLog(() => lives);
    describeRuns(() => lives);
    describeSnapshots(() => lives);
    describeDamage(() => lives);
    describeFailures(() => lives);
  });
}
