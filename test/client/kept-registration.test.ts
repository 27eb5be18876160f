import { describe, expect, test } from 'vitest';
import { type KeptRegistration, RegistryError } from '../../src/client/index.ts';
import type { HeartbeatsResult, RegistrationResult } from '../../src/registry/records.ts';
import type { CallOptions } from '../../src/registry/service.ts';
import { FakeRegistry } from '../api/fake-registry.ts';
import { waitFor } from '../process/wait-for.ts';
import { clientOf, failureOf, member } from './members.ts';

const registration = { name: 'billing', id: 'billing-1', version: '1.0.0', interfaces: { REST: 'http://10.0.0.1:80' } };
const target = { name: 'billing', id: 'billing-1' };
const soon = { intervalMs: 20 };
const noLeader = new RegistryError('service_unavailable', 'There is no leader.');

const until = (what: string, holds: () => boolean) =>
  waitFor(() => (holds() ? true : undefined), { timeoutMs: 8_000, what, everyMs: 5 });
const beats = (kept: KeptRegistration, more: number) => {
  const goal = kept.heartbeats + more;
  return until(`${more} more heartbeats`, () => kept.heartbeats >= goal);
};
const listed = async (fake: FakeRegistry) => (await fake.list({})).value.instances.map(({ id }) => id);

describe('an instance that is kept registered', () => {
  test('is registered at once, beats, and is gone when it is stopped', async () => {
    const there = await member();
    const kept = await clientOf([there]).keepRegistered(registration, soon);
    expect(kept).toMatchObject({ ...target, leaseId: 1, state: 'kept', intervalMs: 20 });
    await beats(kept, 3);
    expect(kept).toMatchObject({ failures: 0, failuresInARow: 0, reregistrations: 0, lastError: null });
    expect(await kept.stop()).toEqual({ outcome: 'deregistered', error: null });
    expect(await listed(there.fake)).toEqual([]);
    expect(kept.state).toBe('stopped');
    expect(await kept.stop()).toEqual({ outcome: 'deregistered', error: null });
  });

  test('beats as often as the registry asks for, and no less often than that', async () => {
    const client = clientOf([await member()]);
    const ttl = { heartbeat_interval: 2, unhealthy_after: 6, remove_after: 9 };
    const [asked, sooner, later] = [
      await client.keepRegistered({ ...registration, ttl }),
      await client.keepRegistered({ ...registration, id: 'b', ttl }, { intervalMs: 500 }),
      await client.keepRegistered({ ...registration, id: 'c', ttl }, { intervalMs: 5_000 }),
    ];
    expect([asked, sooner, later].map(({ intervalMs }) => intervalMs)).toEqual([2_000, 500, 2_000]);
    for (const intervalMs of [0, -1, Number.NaN, 1e9]) {
      expect(await failureOf(client.keepRegistered(registration, { intervalMs }))).toMatchObject({
        code: 'invalid_parameter',
        field: 'intervalMs',
      });
    }
    await Promise.all([asked, sooner, later].map((kept) => kept.stop()));
  });

  test('shares one stream with all others of its client, which ends with the last of them', async () => {
    const there = await member();
    const client = clientOf([there]);
    const many = await Promise.all(
      Array.from({ length: 40 }, (_, i) => client.keepRegistered({ ...registration, id: `billing-${i}` }, soon)),
    );
    await Promise.all(many.map((kept) => beats(kept, 3)));
    expect(await there.ended('HeartbeatStream')).toBe(0);
    await Promise.all(many.map((kept) => kept.stop()));
    await waitFor(async () => ((await there.ended('HeartbeatStream')) === 1 ? true : undefined), {
      timeoutMs: 5_000,
      what: 'the stream to end',
    });
    expect(await there.ended('Heartbeat')).toBe(0);
    expect(many.reduce((sum, kept) => sum + kept.failures, 0)).toBe(0);
    // What came up together went together.
    expect(there.fake.heartbeatBatches).toBeLessThan(many.reduce((sum, kept) => sum + kept.heartbeats, 0));
  });

  test('is registered again under its id, with all its facts, when the registry lost it', async () => {
    const there = await member();
    const results: RegistrationResult[] = [];
    const kept = await clientOf([there]).keepRegistered(
      { ...registration, metadata: { tags: ['core'] } },
      { ...soon, onReregistered: (result) => results.push(result) },
    );
    await there.fake.deregister(target);
    await until('it to be registered again', () => kept.reregistrations === 1);
    await beats(kept, 2);
    expect(results).toMatchObject([{ ...target, lease_id: 2 }]);
    expect(kept).toMatchObject({ leaseId: 2, failures: 0, state: 'kept' });
    expect((await there.fake.list({ tags: ['core'] })).value.total).toBe(1);
    await kept.stop();
  });

  test('is left alone once somebody else registered it, also by stop', async () => {
    const there = await member();
    const told: unknown[] = [];
    const kept = await clientOf([there]).keepRegistered(registration, {
      ...soon,
      onSuperseded: ({ code }) => told.push(code),
    });
    await clientOf([there]).register({ ...registration, version: '2.0.0' });
    await until('it to notice', () => kept.state === 'superseded');
    expect(told).toEqual(['lease_mismatch']);
    expect(await kept.stop()).toEqual({ outcome: 'superseded', error: null });
    expect((await there.fake.list({})).value.instances).toMatchObject([{ version: '2.0.0', lease_id: 2 }]);
    expect(await failureOf(kept.update(registration))).toMatchObject({ code: 'service_gone' });
  });

  test('counts its failures, tells of them, and of their end', async () => {
    const there = await member();
    const told: unknown[] = [];
    const kept = await clientOf([there]).keepRegistered(registration, {
      ...soon,
      onFailure: (error, inARow) => told.push([(error as RegistryError).code, inARow]),
      onRecovered: (before) => told.push(`after ${before}`),
    });
    there.fake.failure = noLeader;
    await until('some failures', () => kept.failuresInARow >= 3);
    there.fake.failure = null;
    await beats(kept, 1);
    const { failures } = kept;
    expect(told.slice(0, 3)).toEqual([1, 2, 3].map((count) => ['service_unavailable', count]));
    expect(told.at(-1)).toBe(`after ${failures}`);
    expect(kept).toMatchObject({ failuresInARow: 0, lastError: { code: 'service_unavailable' } });
    await kept.stop();
  });

  test('goes on at another member where one dies or falls silent, without a failure', async () => {
    const registry = new FakeRegistry();
    const [dying, silent, there] = [await member(registry), await member(registry), await member(registry)];
    const kept = await clientOf([dying, silent, there]).keepRegistered(registration, soon);
    await beats(kept, 2);
    await dying.die();
    await beats(kept, 2);
    silent.pause();
    await beats(kept, 2);
    expect(kept).toMatchObject({ failures: 0, reregistrations: 0, leaseId: 1 });
    await kept.stop();
    expect(await listed(registry)).toEqual([]);
    silent.resume();
  });

  test('takes a second registration of its own for its own, when the first arrives late', async () => {
    const registry = new LateRegistry();
    registry.isLate = true;
    const [dying, there] = [await member(registry), await member(registry)];
    const keeping = clientOf([dying, there]).keepRegistered(registration, soon);
    await until('the first attempt to arrive', () => registry.registrations === 1);
    await dying.die();
    const kept = await keeping;
    expect(kept.leaseId).toBe(1);
    registry.letIn();
    await until('it to have its lease back', () => kept.leaseId === 3);
    await beats(kept, 2);
    expect(kept).toMatchObject({ state: 'kept', failures: 0 });
    expect(await kept.stop()).toMatchObject({ outcome: 'deregistered' });
  });

  test('takes a second registration for its own also where it was registered again', async () => {
    const registry = new LateRegistry();
    const [dying, there] = [await member(registry), await member(registry)];
    const kept = await clientOf([dying, there]).keepRegistered(registration, soon);
    registry.isLate = true;
    await registry.deregister(target);
    await until('its second registration to arrive', () => registry.registrations === 2);
    await dying.die();
    await until('it to be registered again', () => kept.leaseId === 2);
    registry.letIn();
    await until('it to have its lease back', () => kept.leaseId === 4);
    await beats(kept, 2);
    expect(kept).toMatchObject({ state: 'kept', failures: 0 });
    await kept.stop();
  });

  test('leaves nothing behind when it is stopped after a registration of its own has arrived late', async () => {
    const registry = new LateRegistry();
    registry.isLate = true;
    const [dying, there] = [await member(registry), await member(registry)];
    const keeping = clientOf([dying, there]).keepRegistered(registration);
    await until('the first attempt to arrive', () => registry.registrations === 1);
    await dying.die();
    const kept = await keeping;
    registry.letIn();
    await until('the late one to be carried out', () => registry.carriedOut === 2);
    expect(await kept.stop()).toEqual({ outcome: 'deregistered', error: null });
    expect(await listed(registry)).toEqual([]);
  });

  test('leaves to another process what that has registered, though no heartbeat has told it yet', async () => {
    const there = await member();
    const kept = await clientOf([there]).keepRegistered(registration);
    await clientOf([there]).register({ ...registration, version: '2.0.0' });
    expect(await kept.stop()).toEqual({ outcome: 'superseded', error: null });
    expect((await there.fake.list({})).value.instances).toMatchObject([{ version: '2.0.0' }]);
  });

  test.each(['a heartbeat', 'the answer to the update'] as const)(
    'is not taken for superseded by its own update while %s is late',
    async (what) => {
      const registry = new HeldRegistry();
      const kept = await clientOf([await member(registry)]).keepRegistered(registration, soon);
      registry.holds = what;
      await until('a heartbeat to be under way', () => registry.heartbeatsHeld > 0 || what !== 'a heartbeat');
      const updated = kept.update({ ...registration, version: '1.1.0' });
      await until('the update to be carried out', () => registry.updated);
      if (what === 'a heartbeat') await updated;
      else await until('a heartbeat to be refused', () => registry.refusals > 0);
      registry.letGo();
      expect(await updated).toMatchObject({ lease_id: 2 });
      await beats(kept, 2);
      expect(kept).toMatchObject({ state: 'kept', leaseId: 2 });
      await kept.stop();
    },
  );

  test('takes new facts, and keeps the old ones where the new are refused', async () => {
    const there = await member();
    const kept = await clientOf([there]).keepRegistered(registration, soon);
    expect(await kept.update({ ...registration, version: '1.1.0' })).toMatchObject({ lease_id: 2, created: false });
    expect(await failureOf(kept.update({ ...registration, version: 'new' }))).toMatchObject({
      code: 'invalid_version',
    });
    await there.fake.deregister(target);
    await until('it to be registered again', () => kept.reregistrations === 1);
    expect((await there.fake.list({})).value.instances).toMatchObject([{ version: '1.1.0' }]);
    await kept.stop();
  });

  test('survives hooks that fail, which the process is warned of', async () => {
    const there = await member();
    const warnings: string[] = [];
    const warned = ({ name, message }: Error) => {
      if (name === 'ManifestHookWarning') warnings.push(message);
    };
    process.on('warning', warned);
    const kept = await clientOf([there]).keepRegistered(registration, {
      ...soon,
      onReregistered: () => {
        throw new Error('no disk');
      },
      onFailure: () => Promise.reject(new Error('no network')),
      onRecovered: () => new Promise(() => {}),
    });
    await there.fake.deregister(target);
    await until('it to be registered again', () => kept.reregistrations === 1);
    there.fake.failure = noLeader;
    await until('a failure', () => kept.failures > 0);
    there.fake.failure = null;
    await beats(kept, 3);
    process.off('warning', warned);
    expect(warnings[0]).toContain('billing/billing-1 failed: Error: no disk');
    expect(warnings[1]).toContain('no network');
    await kept.stop();
  });
});

describe('an instance ceases to be kept', () => {
  test('at the end of its block, however that ends', async () => {
    const there = await member();
    const client = clientOf([there]);
    const serve = async () => {
      await using kept = await client.keepRegistered(registration);
      expect(await listed(there.fake)).toEqual([kept.id]);
      throw new Error('the service crashed');
    };
    expect(await failureOf(serve())).toMatchObject({ message: 'the service crashed' });
    expect(await listed(there.fake)).toEqual([]);
  });

  test('by its signal', async () => {
    const there = await member();
    const shutdown = new AbortController();
    const kept = await clientOf([there]).keepRegistered(registration, { signal: shutdown.signal });
    shutdown.abort();
    expect(await kept.stop()).toMatchObject({ outcome: 'deregistered' });
    expect(await listed(there.fake)).toEqual([]);
    const reason = new Error('too late');
    const late = clientOf([there]).keepRegistered(registration, { signal: AbortSignal.abort(reason) });
    expect(await failureOf(late)).toBe(reason);
  });

  test('by a deregistration of its client, and does not come back', async () => {
    const there = await member();
    const client = clientOf([there]);
    const kept = await client.keepRegistered(registration, soon);
    await client.deregister(target);
    expect(kept.state).toBe('stopped');
    expect(await kept.stop()).toEqual({ outcome: 'not_listed', error: null });
    expect(await listed(there.fake)).toEqual([]);
  });

  test('while it is being registered again, and is not listed afterwards', async () => {
    const registry = new LateRegistry();
    const client = clientOf([await member(registry)]);
    const kept = await client.keepRegistered(registration, soon);
    registry.isLate = true;
    await registry.deregister(target);
    await until('it to be registered again', () => registry.registrations === 2);
    const stopped = kept.stop();
    // Whatever it sent before this is answered by now: a deregistration would have found nothing.
    await client.list({});
    registry.letIn();
    expect(await stopped).toMatchObject({ outcome: 'deregistered' });
    expect(await listed(registry)).toEqual([]);
  });

  test('and stays listed where that is asked for', async () => {
    const there = await member();
    const kept = await clientOf([there]).keepRegistered(registration);
    expect(await kept.stop({ deregister: false })).toMatchObject({ outcome: 'left' });
    expect(await listed(there.fake)).toEqual(['billing-1']);
  });

  test('and says so where no member can be told', async () => {
    const there = await member();
    const kept = await clientOf([there], { timeoutMs: 500 }).keepRegistered(registration);
    await there.die();
    expect(await kept.stop()).toEqual({ outcome: 'failed', error: expect.any(RegistryError) });
  });

  test('with its client', async () => {
    const there = await member();
    const client = clientOf([there]);
    const kept = await client.keepRegistered(registration, soon);
    await beats(kept, 1);
    client.close();
    expect(kept).toMatchObject({ state: 'stopped', failures: 0 });
    expect(await listed(there.fake)).toEqual(['billing-1']);
  });
});

describe('a first registration', () => {
  test('that is refused fails, and so does one that no member takes', async () => {
    const gone = await member();
    const refused = clientOf([gone]).keepRegistered({ ...registration, interfaces: {} }, { keepTrying: true });
    expect(await failureOf(refused)).toMatchObject({ code: 'validation_error', field: 'interfaces' });
    await gone.die();
    expect(await failureOf(clientOf([gone], { timeoutMs: 500 }).keepRegistered(registration))).toMatchObject({
      code: 'service_unavailable',
    });
  });

  test('tries on where that is asked for, until a member takes it', async () => {
    const there = await member();
    there.fake.failure = noLeader;
    const keeping = clientOf([there], { timeoutMs: 100 }).keepRegistered(registration, { ...soon, keepTrying: true });
    await until('two attempts', () => there.calls().length >= 2);
    there.fake.failure = null;
    const kept = await keeping;
    expect(kept.state).toBe('kept');
    await kept.stop();
  });

  test('tries on until its client is closed, or its signal is aborted', async () => {
    const there = await member();
    there.fake.failure = noLeader;
    const client = clientOf([there], { timeoutMs: 100 });
    const shutdown = new AbortController();
    const closed = failureOf(client.keepRegistered(registration, { keepTrying: true }));
    const aborted = failureOf(client.keepRegistered(registration, { keepTrying: true, signal: shutdown.signal }));
    await until('attempts', () => there.calls().length >= 2);
    shutdown.abort(new Error('shut down'));
    expect(await aborted).toMatchObject({ message: 'shut down' });
    client.close();
    // Between two attempts it certainly did not happen; in the middle of one, nobody knows.
    const { code } = (await closed) as RegistryError;
    expect(['service_unavailable', 'outcome_unknown']).toContain(code);
  });
});

/** While it is late, it takes the next registration only when that is let in. */
class LateRegistry extends FakeRegistry {
  registrations = 0;
  carriedOut = 0;
  isLate = false;
  letIn: () => void = () => {};

  override async register(input: unknown, options?: CallOptions): Promise<RegistrationResult> {
    this.registrations++;
    if (this.isLate) {
      this.isLate = false;
      await new Promise<void>((resolve) => {
        this.letIn = resolve;
      });
    }
    const result = await super.register(input, options);
    this.carriedOut++;
    return result;
  }
}

/** Holds heartbeats before they are looked at, or registrations when they are carried out and not yet answered. */
class HeldRegistry extends FakeRegistry {
  holds: 'a heartbeat' | 'the answer to the update' | null = null;
  heartbeatsHeld = 0;
  refusals = 0;
  updated = false;
  letGo: () => void = () => {};
  readonly #gate = new Promise<void>((resolve) => {
    this.letGo = resolve;
  });

  override async heartbeats(inputs: readonly unknown[], options?: CallOptions): Promise<HeartbeatsResult> {
    if (this.holds === 'a heartbeat') {
      this.heartbeatsHeld++;
      await this.#gate;
    }
    const result = await super.heartbeats(inputs, options);
    this.refusals += result.failed.length;
    return result;
  }

  override async register(input: unknown, options?: CallOptions): Promise<RegistrationResult> {
    const result = await super.register(input, options);
    this.updated = result.lease_id > 1;
    if (this.updated && this.holds === 'the answer to the update') await this.#gate;
    return result;
  }
}
