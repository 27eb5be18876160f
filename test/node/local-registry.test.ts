import { beforeEach, describe, expect, test, vi } from 'vitest';
import { toRecord } from '../../src/registry/views.ts';
import { RegistryWorld } from './registry-world.ts';

const record = (id?: string) => ({ name: 'svc', ...(id ? { id } : {}), version: '1.0.0', interfaces: { CLI: 'svc' } });
const target = { name: 'svc', id: 'one' };

let world: RegistryWorld;

beforeEach(() => {
  world = new RegistryWorld();
});

describe('a registration without an id', () => {
  test('gets one of the name and eight digits', async () => {
    world.draws = ['a1b2c3d4'];
    expect(await world.registry.register(record())).toMatchObject({ id: 'svc-a1b2c3d4', created: true });
  });

  test('never takes the id of an instance that is listed or still gets 410', async () => {
    world.machine.register('svc', 'svc-aaaaaaaa');
    world.machine.register('svc', 'svc-bbbbbbbb');
    world.machine.deregister('svc', 'svc-bbbbbbbb');
    world.draws = ['aaaaaaaa', 'bbbbbbbb', 'cccccccc'];
    expect(await world.registry.register(record())).toMatchObject({ id: 'svc-cccccccc', created: true });
    expect(world.machine.state.counts().total).toBe(2);
  });

  test('ends although the random source brings the same digits for ever', async () => {
    world.machine.register('svc', 'svc-00000000');
    expect(await world.registry.register(record())).toMatchObject({ id: 'svc-00000000' });
  });
});

describe('a write', () => {
  test('that is invalid is refused before anything enters the log', async () => {
    await expect(world.registry.register({ ...record(), version: 'x' })).rejects.toMatchObject({
      code: 'invalid_version',
    });
    await expect(world.registry.deregister({ name: 'svc' })).rejects.toMatchObject({ field: 'id' });
    await expect(world.registry.heartbeat({ id: 'one' })).rejects.toMatchObject({ field: 'name' });
    expect(world.entries).toBe(0);
  });

  test("brings the state machine's refusal with everything that it says", async () => {
    const { lease_id } = await world.registry.register(record('one'));
    await expect(world.registry.deregister({ ...target, lease_id: lease_id + 1 })).rejects.toMatchObject({
      code: 'lease_mismatch',
      field: 'lease_id',
      details: { current_lease_id: lease_id },
    });
    expect(await world.registry.deregister({ ...target, lease_id })).toEqual({
      message: "Instance 'one' of service 'svc' is deregistered.",
      deregistered_at: '2023-11-14T22:13:20.000Z',
    });
    await expect(world.registry.deregister(target)).rejects.toMatchObject({ code: 'service_not_found' });
  });

  test('waits no longer than its caller does', async () => {
    world.led = false;
    const write = world.registry.register(record('one'), { timeoutMs: 200 }).catch((error) => error.code);
    await world.pass(250);
    expect(await write).toBe('service_unavailable');
  });
});

describe('a heartbeat', () => {
  test('renews the lease and says how long it lasts', async () => {
    await world.registry.register(record('one'));
    world.machine.pass(4_000);
    expect(await world.registry.heartbeat(target)).toEqual({
      status: 'up',
      last_heartbeat: '2023-11-14T22:13:24.000Z',
      lease_renewed: true,
      ttl_remaining: 30,
    });
    expect(world.levels).toBe(0);
  });

  test('for an instance that this member has not applied yet makes itself level before it says no', async () => {
    world.beforeLevel = () => {
      if (!world.machine.state.find('svc', 'one')) world.machine.register('svc', 'one');
    };
    expect(await world.registry.heartbeat(target)).toMatchObject({ status: 'up' });
    expect(world.levels).toBe(1);
  });

  test('whose lease is replaced on its way renews the new one, unless it names the old one', async () => {
    const { lease_id } = await world.registry.register(record('one'));
    let replaced = false;
    world.beforeApply = () => {
      if (!replaced) world.machine.register('svc', 'one');
      replaced = true;
    };
    expect(await world.registry.heartbeat(target)).toMatchObject({ status: 'up' });
    replaced = false;
    await expect(world.registry.heartbeat({ ...target, lease_id: lease_id + 1 })).rejects.toMatchObject({
      code: 'lease_mismatch',
      value: lease_id + 1,
      details: { current_lease_id: lease_id + 2 },
    });
  });

  test('that loses that race again and again gives up', async () => {
    await world.registry.register(record('one'));
    world.beforeApply = () => world.machine.register('svc', 'one');
    await expect(world.registry.heartbeat(target)).rejects.toMatchObject({ code: 'lease_mismatch' });
    expect(world.entries).toBeLessThan(10);
  });

  test('trap 35: for an instance that is gone says when and why, and for one that never was says so', async () => {
    await world.registry.register(record('one'));
    world.machine.pass(1_000);
    await world.registry.deregister(target);
    await expect(world.registry.heartbeat(target)).rejects.toMatchObject({
      code: 'service_gone',
      details: { deregistered_at: '2023-11-14T22:13:21.000Z', cause: 'deregistered' },
    });
    await expect(world.registry.heartbeat({ name: 'svc', id: 'two' })).rejects.toMatchObject({
      code: 'service_not_found',
    });
    expect(world.machine.state.counts().total).toBe(0);
  });
});

describe('many heartbeats at once', () => {
  test('become one entry, and those that fail are named in the order in which they were sent', async () => {
    for (const id of ['one', 'two', 'three', 'gone']) world.machine.register('svc', id);
    world.machine.deregister('svc', 'gone');
    const targets = ['nobody', 'one', 'gone', 'two', 'nobody-2', 'three'].map((id) => ({ name: 'svc', id }));
    const { renewed, failed } = await world.registry.heartbeats(targets);
    expect(renewed).toBe(3);
    expect(failed.map(({ id, error }) => `${id} ${error}`)).toEqual([
      'nobody service_not_found',
      'gone service_gone',
      'nobody-2 service_not_found',
    ]);
    expect(world.entries).toBe(1);
    expect(world.levels).toBe(1);
  });

  test('are refused as a whole when one is malformed, which is named by its place', async () => {
    world.machine.register('svc', 'one');
    const bad = { name: 'svc', id: 'a/b' };
    await expect(world.registry.heartbeats([target, bad])).rejects.toMatchObject({
      code: 'validation_error',
      field: 'instances[1].id',
      value: 'a/b',
    });
    await expect(world.registry.heartbeats([null])).rejects.toMatchObject({ field: 'instances[0]' });
    expect(world.entries).toBe(0);
  });
});

describe('a read', () => {
  beforeEach(() => {
    for (let i = 0; i < 120; i++) world.machine.register(i % 2 ? 'svc' : 'other', `i${i}`);
  });

  test('is level with the leader and names revision and leader', async () => {
    const { value, ...facts } = await world.registry.getInstances('svc', {});
    expect(value).toHaveLength(60);
    expect(facts).toEqual({ revision: 120, leader: 'a', staleness_ms: null });
    expect(world.levels).toBe(1);
  });

  test('of the list has the first hundred unless another page is asked for, and the number of all', async () => {
    const { value } = await world.registry.list({});
    expect([value.instances.length, value.total]).toEqual([100, 120]);
    const page = await world.registry.list({ name: 'svc', limit: 7, offset: 58 });
    expect([page.value.instances.length, page.value.total]).toEqual([2, 60]);
  });

  test('that may be stale is answered at once with its age, from whatever is here', async () => {
    await world.registry.list({});
    world.nowMs += 1_234.2;
    world.led = false;
    const { value, staleness_ms, leader } = await world.registry.list({ limit: 1 }, { consistency: 'stale' });
    expect([value.total, staleness_ms, leader]).toEqual([120, 1_235, null]);
    expect(world.levels).toBe(1);
  });

  test('that may be stale begins with all others that arrived in its turn of the loop', async () => {
    await world.registry.list({});
    const querying = vi.spyOn(world.machine.state, 'querying');
    const begun: number[] = [];
    const reads = [1, 2].map(async () => {
      await world.registry.list({ limit: 1 }, { consistency: 'stale' });
      begun.push(querying.mock.calls.length);
    });
    for (let i = 0; i < 50; i++) await Promise.resolve();
    expect(querying).not.toHaveBeenCalled();
    await Promise.all(reads);
    expect(begun).toEqual([2, 2]);
  });

  test('has the indexes find whom they lost sight of, once at a time, and does not wait for it', async () => {
    const { state } = world.machine;
    let slices = 0;
    vi.spyOn(state, 'isComplete', 'get').mockReturnValue(false);
    const completing = vi.spyOn(state, 'completing').mockImplementation(function* () {
      for (slices = 0; slices < 100; slices++) yield;
    });
    for (let reads = 1; reads <= 2; reads++) {
      await world.registry.list({});
      expect(slices).toBeLessThan(100);
      expect(completing).toHaveBeenCalledTimes(1);
    }
    while (slices < 100) await new Promise((resolve) => setImmediate(resolve));
    await world.registry.getInstances('svc', {});
    expect(completing).toHaveBeenCalledTimes(2);
  });

  test('trap 30: that may be stale is refused while this member was never level, for nobody knows how old it is', async () => {
    await expect(world.registry.list({}, { consistency: 'stale' })).rejects.toMatchObject({
      code: 'service_unavailable',
      retryAfterSeconds: 1,
    });
  });

  test('trap 36: without a leader fails, and never answers with an empty list', async () => {
    world = new RegistryWorld();
    world.led = false;
    const read = world.registry.list({}).catch((error) => error.code);
    for (let i = 0; i < 20; i++) await world.pass(100);
    expect(await read).toBe('service_unavailable');
  });
});

describe('an answer that takes several turns', () => {
  /** Everything that a reader sees changes in every turn, until `reading` is done. */
  async function whileWriting<T>(reading: Promise<T>, show: () => unknown): Promise<{ answer: T; shown: unknown[] }> {
    const shown: unknown[] = [];
    let isOver = false;
    const { machine } = world;
    const write = () => {
      shown[machine.state.revision] = show();
      if (isOver) return;
      const turn = shown.length;
      machine.deregister('svc', `i-${turn}`);
      machine.register('svc', `i-${turn + 500}`, { shard: '1', dependencies: [`new-${turn}`] });
      shown[machine.state.revision] = show();
      setImmediate(write);
    };
    write();
    const answer = await reading;
    isOver = true;
    return { answer, shown };
  }

  beforeEach(() => {
    for (let i = 0; i < 7_000; i++) world.machine.register('svc', `i-${i}`, { shard: String(i % 2) });
  });

  test('shows the list of its revision, whatever is written meanwhile', async () => {
    const filter = { metadata: { shard: '1' } };
    const { answer, shown } = await whileWriting(world.registry.list({ ...filter, limit: 1_000 }), () => {
      const { instances, total } = world.machine.state.query(filter, 1_000, 0);
      return { instances: instances.map(toRecord), total };
    });
    expect(shown[answer.revision]).toBeDefined();
    expect(answer.value).toMatchObject(shown[answer.revision] as object);
    expect(world.machine.state.revision).toBeGreaterThan(answer.revision + 2);
  });

  test('shows the service of its revision, whatever is written meanwhile', async () => {
    const { answer, shown } = await whileWriting(world.registry.getInstances('svc', {}), () =>
      world.machine.state.instancesOf('svc').map(toRecord),
    );
    expect(answer.value).toEqual(shown[answer.revision]);
    expect(world.machine.state.revision).toBeGreaterThan(answer.revision + 2);
  });

  test('shows the graph of its revision, whatever is written meanwhile', async () => {
    for (let i = 0; i < 3_000; i++) world.machine.register(`web-${i}`, 'one', { dependencies: [`web-${i + 1}`] });
    const { answer, shown } = await whileWriting(world.registry.dependencies(), () => world.machine.state.services());
    expect(answer.value.services).toEqual(shown[answer.revision]);
    expect(answer.value.edges).toHaveLength(answer.value.services.flatMap(({ dependencies }) => dependencies).length);
    expect(world.machine.state.revision).toBeGreaterThan(answer.revision + 2);
  });
});
