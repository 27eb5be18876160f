import { describeStorage } from './conformance.ts';
import { LevelWorld, MemoryWorld } from './engine-worlds.ts';

describeStorage('storage in memory', () => new MemoryWorld());
describeStorage('storage in LevelDB', () => new LevelWorld());
