import { describe, expect, test } from 'vitest';
import { errorTable } from '../../src/api/error-table.ts';
import { type ErrorCode, ManifestGrpcClient, RegistryError } from '../../src/client/index.ts';
import { badRegistrations, registrationWith, validRegistration } from '../api/bad-input-cases.ts';
import { clientOf, failureOf, member } from './members.ts';

const target = { name: 'billing', id: 'billing-1' } as const;

describe('the client', () => {
  test('carries an instance from its registration to its end, as a member would from the inside', async () => {
    const there = await member();
    const client = clientOf([there]);
    const registration = registrationWith({ metadata: { tags: ['core'], free: { deep: [1, null, 'x', { y: 0.5 }] } } });
    const inside = there.fake;

    expect(await client.register(registration)).toEqual({
      ...target,
      version: '1.0.0',
      status: 'up',
      registered_at: '2026-01-01T00:00:01.000Z',
      lease_id: 1,
      heartbeat_interval: 10,
      heartbeat_timeout: 30,
      revision: 1,
      created: true,
    });
    expect(await client.heartbeat({ ...target, lease_id: 1 })).toEqual({
      status: 'up',
      last_heartbeat: '2026-01-01T00:00:02.000Z',
      lease_renewed: true,
      ttl_remaining: 30,
    });
    expect(await client.heartbeats([target, { ...target, id: 'other' }])).toEqual(
      await inside.heartbeats([target, { ...target, id: 'other' }]),
    );
    expect(await client.getInstances('billing', {})).toEqual(await inside.getInstances('billing', {}));
    expect(await client.getInstances('nobody', {})).toEqual(await inside.getInstances('nobody', {}));
    for (const query of [
      {},
      { tags: ['core'] },
      { tags: ['other'] },
      { limit: 1, offset: 1 },
      { status: 'down' as const },
    ]) {
      expect(await client.list(query)).toEqual(await inside.list(query));
    }
    expect(await client.list({}, { consistency: 'stale' })).toMatchObject({ staleness_ms: 7 });
    expect(await client.status({ stateHash: true })).toEqual(await inside.status({ stateHash: true }));
    inside.healthReason = 'no leader';
    expect(await client.health()).toEqual(await inside.health());
    expect(await client.deregister(target)).toMatchObject({ deregistered_at: expect.stringMatching(/Z$/) });
    expect(await client.list({})).toMatchObject({ value: { instances: [], total: 0 } });
  });

  test('makes the id of an instance that has none, of its name and eight hex digits', async () => {
    const client = clientOf([await member()]);
    const { id } = await client.register({ ...validRegistration, id: undefined });
    expect(id).toMatch(/^billing-[0-9a-f]{8}$/);
  });

  test('refuses every bad registration with the field that is wrong', async () => {
    const client = clientOf([await member()]);
    for (const { title, change, code, field } of badRegistrations) {
      const failure = (await failureOf(client.register(registrationWith(change)))) as RegistryError;
      expect({ title, code: failure.code, field: failure.field }).toEqual({ title, code, field });
    }
    expect(await client.list({})).toMatchObject({ value: { total: 0 } });
  });

  test.each(Object.keys(errorTable) as ErrorCode[])('hands on %s with all its facts', async (code) => {
    const there = await member();
    there.fake.failure = new RegistryError(code, 'No.', {
      field: 'id',
      value: { odd: [1, null] },
      details: { deregistered_at: '2026-01-01T00:00:00.000Z' },
      retryAfterSeconds: 3,
    });
    const error = await failureOf(clientOf([there]).getInstances('billing', {}, { timeoutMs: 2_000 }));
    expect(error).toBeInstanceOf(RegistryError);
    // Whether a read happened does not matter: that its outcome is unknown says that nobody answered.
    if (code === 'outcome_unknown') expect(error).toMatchObject({ code: 'service_unavailable' });
    else expect(error).toEqual(there.fake.failure);
  });

  test('sends its own token, or that of the call', async () => {
    const there = await member(undefined, { authToken: 'secret' });
    await clientOf([there], { authToken: 'secret' }).register(validRegistration);
    await clientOf([there]).heartbeat(target, { authToken: 'secret' });
    await clientOf([there], { authToken: 'wrong' }).heartbeat(target, { authToken: 'secret' });
    for (const authToken of [undefined, null, 'wrong']) {
      expect(await failureOf(clientOf([there], { authToken }).heartbeat(target))).toMatchObject({
        code: 'unauthorized',
      });
    }
    expect(await clientOf([there]).list({})).toMatchObject({ value: { total: 1 } });
  });

  test.each([
    [[]],
    [['nowhere']],
    [['127.0.0.1:0']],
    [['127.0.0.1:70000']],
    [['http://127.0.0.1:8502']],
    [['a:1', 'b']],
  ])('refuses the addresses %j', (endpoints) => {
    expect(() => new ManifestGrpcClient({ endpoints })).toThrow(
      expect.objectContaining({ code: 'invalid_parameter', field: 'endpoints' }),
    );
  });
});
