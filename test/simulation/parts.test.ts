import { describe, expect, test } from 'vitest';
import { SimulatedDisk } from './disk.ts';
import { EventQueue } from './event-queue.ts';
import { SimulatedProcess } from './process.ts';
import { SimulatedRandom } from './random.ts';
import { ServingTime } from './serving-time.ts';
import { SimulatedWorld } from './world.ts';

const nothing = () => {};

function processIn(world: SimulatedWorld, rate = 1): SimulatedProcess {
  return new SimulatedProcess('a', world, { rate, wallOffsetMs: 0, turnMs: 0.02 }, () => 0, nothing);
}

describe('the event queue', () => {
  test('gives events by time, and those of one moment in the order in which they came', () => {
    const queue = new EventQueue();
    const random = new SimulatedRandom('queue');
    const times = Array.from({ length: 500 }, () => random.integer(50));
    for (const atMs of times) queue.add(atMs, nothing);
    const taken = times.map(() => queue.takeNext());
    const expected = [...taken].sort((left, right) => {
      return (left?.atMs ?? 0) - (right?.atMs ?? 0) || (left?.order ?? 0) - (right?.order ?? 0);
    });
    expect(taken).toEqual(expected);
    expect(queue.takeNext()).toBeNull();
  });
});

describe('the world', () => {
  test('does everything that promises lead to before the next event', async () => {
    const world = new SimulatedWorld(null);
    const order: string[] = [];
    world.after(1, () => {
      order.push('first');
      void (async () => {
        for (let step = 0; step < 100; step++) await Promise.resolve();
        order.push('what follows from it');
      })();
    });
    world.after(1, () => order.push('second'));
    await world.runUntil(10, nothing);
    expect(order).toEqual(['first', 'what follows from it', 'second']);
    expect(world.nowMs).toBe(10);
  });
});

describe('a process', () => {
  test('hears what came while it was paused when it goes on, and nothing once it is dead', async () => {
    const world = new SimulatedWorld(null);
    const process = processIn(world);
    const heard: string[] = [];
    process.pause();
    process.run(() => heard.push('while paused'));
    await world.runUntil(1, nothing);
    expect(heard).toEqual([]);
    process.resume();
    await world.runUntil(2, nothing);
    process.kill();
    process.run(() => heard.push('while dead'));
    await world.runUntil(3, nothing);
    expect(heard).toEqual(['while paused']);
  });

  test('dies between two things that it does, when it is told to', () => {
    const process = processIn(new SimulatedWorld(null));
    process.killAfterActs(2);
    expect([process.act(), process.act(), process.act()]).toEqual([true, true, false]);
    expect(process.isAlive).toBe(false);
  });

  test('has a clock of its own rate, for reading and for waiting', async () => {
    const world = new SimulatedWorld(null);
    const { clock } = processIn(world, 2);
    const began = clock.monotonicMs();
    let firedAtMs = 0;
    clock.after(100, () => {
      firedAtMs = world.nowMs;
    });
    await world.runUntil(200, nothing);
    expect(clock.monotonicMs() - began).toBe(400);
    expect(firedAtMs).toBe(50);
  });
});

describe('a disk', () => {
  const put = (key: string) => [{ type: 'put' as const, key, value: new Uint8Array([1, 2, 3]) }];

  test('keeps what was synced, and keeps or loses as a whole what was under way when its process died', async () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 30; seed++) {
      const world = new SimulatedWorld(null);
      const disk = new SimulatedDisk(world, new SimulatedRandom(`disk ${seed}`));
      const store = disk.store(processIn(world));
      void store.writeSynced(put('synced'));
      await world.runUntil(10, nothing);
      void store.writeSynced([...put('left'), ...put('right')]);
      disk.crash();
      expect(disk.holds('synced')).toBe(true);
      expect(disk.holds('left')).toBe(disk.holds('right'));
      outcomes.add(`${disk.holds('left')}`);
    }
    expect(outcomes).toEqual(new Set(['true', 'false']));
  });

  test('answers a write that hung when it works again, and not before', async () => {
    const world = new SimulatedWorld(null);
    const disk = new SimulatedDisk(world, new SimulatedRandom('hang'));
    const process = processIn(world);
    let written = false;
    disk.condition.hangs = true;
    void disk
      .store(process)
      .writeSynced(put('late'))
      .then(() => {
        written = true;
      });
    await world.runUntil(1_000, nothing);
    expect(written).toBe(false);
    disk.endHang();
    await world.runUntil(2_000, nothing);
    expect(written).toBe(true);
  });

  test('gives back what it held when a flipped bit or an emptied directory is undone', async () => {
    const world = new SimulatedWorld(null);
    const disk = new SimulatedDisk(world, new SimulatedRandom('bit'));
    void disk.store(processIn(world)).writeSynced(put('value'));
    await world.runUntil(10, nothing);
    expect(disk.flipBit()).toBe('value');
    expect(disk.get('value')).not.toEqual(new Uint8Array([1, 2, 3]));
    disk.empty();
    expect(disk.holds('value')).toBe(false);
    disk.restore();
    expect(disk.get('value')).toEqual(new Uint8Array([1, 2, 3]));
  });
});

test('serving time passes while at least one leader serves', () => {
  let nowMs = 0;
  const serving = new ServingTime(() => nowMs);
  serving.set('a', true);
  nowMs = 10;
  serving.set('b', true);
  serving.set('a', false);
  nowMs = 30;
  serving.set('b', false);
  nowMs = 100;
  expect(serving.totalMs).toBe(30);
  expect(serving.lastServedMs).toBe(30);
  expect(serving.begun).toBe(2);
});
