import { expect, test } from 'vitest';
import { PeerGuard } from '../../src/node/peer-guard.ts';
import { DurableStorage } from '../../src/storage/durable-storage.ts';
import { MemoryDisk, MemoryStore } from '../../src/storage/memory-store.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

const voters = { voters: ['a', 'b'], votersOutgoing: [], learners: [], learnersNext: [] };

/** The guard of a member with a disk, and what it reported as failed. */
async function guarding(disk = new MemoryDisk()) {
  const storage = new DurableStorage(new MemoryStore(disk));
  const opened =
    (await storage.open()) ?? (await storage.initialise({ clusterId: 'c', nodeId: 'a', incarnation: 'mine' }, voters));
  const failures: unknown[] = [];
  const guard = new PeerGuard(storage, opened.peerIncarnations, (error) => failures.push(error));
  return { guard, storage, failures };
}

test('trap 9: a peer that comes back under its name with another disk is a stranger, again and again', async () => {
  const { guard } = await guarding();
  guard.meet('b', 'first life');
  await settled();
  expect(guard.meet('b', 'first life')).toBe('known');
  for (let i = 0; i < 3; i++) expect(guard.meet('b', 'second life')).toBe('stranger');
  expect(guard.meet('b', 'first life')).toBe('known');
  expect(guard.incarnationOf('b')).toBe('first life');
});

test('trap 9: nothing that a new acquaintance says counts before its life is remembered durably', async () => {
  const disk = new MemoryDisk();
  const { guard } = await guarding(disk);
  let written = () => {};
  disk.beforeWrite = () =>
    new Promise((resolve) => {
      written = resolve;
    });
  expect(guard.meet('b', 'first life')).toBe('being-remembered');
  await settled();
  expect(guard.meet('b', 'first life')).toBe('being-remembered');
  expect(guard.incarnationOf('b')).toBeUndefined();
  written();
  await settled();
  expect(guard.meet('b', 'first life')).toBe('known');
});

test('trap 9: the first life of a peer is known after a restart of the member that met it', async () => {
  const disk = new MemoryDisk();
  const before = await guarding(disk);
  before.guard.meet('b', 'first life');
  await settled();
  await before.storage.close();
  const { guard } = await guarding(disk);
  expect(guard.meet('b', 'second life')).toBe('stranger');
  expect(guard.meet('b', 'first life')).toBe('known');
});

test('of two lives that introduce themselves at once the first is remembered', async () => {
  const { guard } = await guarding();
  guard.meet('b', 'first life');
  expect(guard.meet('b', 'second life')).toBe('being-remembered');
  await settled();
  expect([guard.meet('b', 'first life'), guard.meet('b', 'second life')]).toEqual(['known', 'stranger']);
});

test('a life that cannot be remembered is a failure of the member, and stays unknown', async () => {
  const disk = new MemoryDisk();
  const { guard, failures } = await guarding(disk);
  disk.failNextWrite = new Error('ENOSPC: no space left on device');
  guard.meet('b', 'first life');
  await settled();
  expect(failures).toHaveLength(1);
  expect(guard.meet('b', 'first life')).toBe('being-remembered');
});

test('each peer has a life of its own', async () => {
  const { guard } = await guarding();
  guard.meet('b', 'x');
  guard.meet('d', 'y');
  await settled();
  expect([guard.meet('b', 'y'), guard.meet('d', 'y')]).toEqual(['stranger', 'known']);
});
