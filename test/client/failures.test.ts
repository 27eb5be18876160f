import { describe, expect, test } from 'vitest';
import { RegistryError } from '../../src/client/index.ts';
import { validRegistration } from '../api/bad-input-cases.ts';
import { FakeRegistry } from '../api/fake-registry.ts';
import { TcpServer } from '../transport/tcp.ts';
import { clientOf, failureOf, member, noTime } from './members.ts';

const target = { name: 'billing', id: 'billing-1' } as const;
const { id: _, ...withoutId } = validRegistration;

const noLeader = new RegistryError('service_unavailable', 'There is no leader.', { retryAfterSeconds: 2 });
/** Closed connections are given up by grpc-js itself after about ten seconds, and with them the calls on them. */
const beforeTheLibraryMs = 7_000;

/** Longer than a test may take: what waits for it fails. */
const farAwayMs = 120_000;

const unknown = new RegistryError('outcome_unknown', 'It may have happened.');

describe('a client of several members', () => {
  test('goes on to the next where one is gone, and stays there', async () => {
    const [gone, there] = [await member(), await member()];
    await gone.die();
    const client = clientOf([gone, there]);
    for (let count = 0; count < 3; count++) await client.list({});
    expect(there.calls()).toHaveLength(3);
  });

  test('goes on to the next where one cannot answer, under the same request id', async () => {
    const [cut, whole] = [await member(), await member()];
    cut.fake.failure = noLeader;
    await clientOf([cut, whole]).register(validRegistration, { requestId: 'trace-1' });
    expect([...cut.calls(), ...whole.calls()].map(({ requestId }) => requestId)).toEqual(['trace-1', 'trace-1']);
  });

  test.each(['validation_error', 'service_not_found', 'service_gone', 'unauthorized', 'internal_error'] as const)(
    'asks nobody else when the registry said %s',
    async (code) => {
      const [first, second] = [await member(), await member()];
      first.fake.failure = new RegistryError(code, 'No.');
      expect(await failureOf(clientOf([first, second]).heartbeat(target))).toMatchObject({ code });
      expect(second.calls()).toEqual([]);
    },
  );

  test('goes round three times, and hands on the reason that the members gave', async () => {
    const members = [await member(), await member()];
    for (const { fake } of members) fake.failure = noLeader;
    expect(await failureOf(clientOf(members).heartbeat(target))).toEqual(noLeader);
    expect(members.map(({ calls }) => calls().length)).toEqual([3, 3]);
  });

  test('asks the next in time where one is silent', async () => {
    const [silent, there] = [await member(), await member()];
    silent.hold();
    expect(await clientOf([silent, there]).list({}, { timeoutMs: 2_000 })).toMatchObject({ value: { total: 0 } });
  });

  test('registers under one id, though the member that it asked dies in the middle', async () => {
    const registry = new FakeRegistry();
    const [dying, there] = [await member(registry), await member(registry)];
    const letGo = dying.hold();
    const registered = clientOf([dying, there]).register(withoutId);
    await dying.fake.held(1);
    await dying.die();
    await there.fake.held(2);
    letGo();
    const { id, lease_id } = await registered;
    expect(lease_id).toBe(2);
    expect((await registry.list({})).value.instances.map((each) => each.id)).toEqual([id]);
  });

  test('has deregistered what is not there any more after an attempt whose outcome it did not learn', async () => {
    const registry = new FakeRegistry();
    const [first, second] = [await member(registry), await member(registry)];
    const client = clientOf([first, second]);
    await client.register(validRegistration);
    registry.afterDeregistration = () => {
      throw unknown;
    };
    expect(await client.deregister(target)).toMatchObject({ message: expect.stringContaining('is deregistered') });
    expect(await failureOf(client.deregister(target))).toMatchObject({ code: 'service_not_found' });
  });

  test('may be given the same member twice, and an address where nothing answers', async () => {
    const silent = await TcpServer.listen((socket) => socket.resume());
    const there = await member();
    const client = clientOf([{ address: `127.0.0.1:${silent.port}` }, there, there]);
    expect(await client.list({}, { timeoutMs: 2_000 })).toMatchObject({ value: { total: 0 } });
    client.close();
    await silent.close();
  });
});

describe('a call that no member answers', () => {
  test.each(['a write', 'a read'] as const)('is %s that certainly did not happen where none is there', async (kind) => {
    const gone = await member();
    await gone.die();
    const client = clientOf([gone]);
    const call = kind === 'a read' ? client.list({}) : client.register(validRegistration);
    expect(await failureOf(call)).toMatchObject({ code: 'service_unavailable', retryAfterSeconds: 1 });
  });

  test('is a write of unknown outcome where the member died with it', async () => {
    const dying = await member();
    dying.hold();
    const failed = failureOf(clientOf([dying]).register(validRegistration));
    await dying.fake.held(1);
    await dying.die();
    expect(await failed).toMatchObject({ code: 'outcome_unknown', retryable: true });
  });

  test('is a read that was not answered where the member died with it', async () => {
    const dying = await member();
    dying.hold();
    const failed = failureOf(clientOf([dying]).list({}));
    await dying.fake.held(1);
    await dying.die();
    expect(await failed).toMatchObject({ code: 'service_unavailable' });
  });

  test('ends in its time, with what is known of it', async () => {
    const silent = [await member(), await member()];
    for (const each of silent) each.hold();
    const client = clientOf(silent);
    expect(await failureOf(client.register(validRegistration, noTime))).toMatchObject({ code: 'outcome_unknown' });
    expect(await failureOf(client.list({}, noTime))).toMatchObject({ code: 'service_unavailable' });
    const impatient = clientOf(silent, noTime);
    expect(await failureOf(impatient.heartbeat(target))).toMatchObject({ code: 'outcome_unknown' });
  });

  test('is of unknown outcome when one member said so and all others could do nothing', async () => {
    const [first, second] = [await member(), await member()];
    first.fake.failure = unknown;
    second.fake.failure = noLeader;
    expect(await failureOf(clientOf([first, second]).register(validRegistration))).toMatchObject({
      code: 'outcome_unknown',
      message: expect.stringContaining('same name and id again is safe'),
    });
  });
});

describe('a call with a signal', () => {
  const reason = new Error('the user left');

  test('that was given before fails with its reason and is not sent', async () => {
    const there = await member();
    expect(await failureOf(clientOf([there]).list({}, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(there.calls()).toEqual([]);
  });

  test('fails with its reason while a member has it, and asks no other', async () => {
    const [first, second] = [await member(), await member()];
    first.hold();
    const leaving = new AbortController();
    const call = { signal: leaving.signal, timeoutMs: farAwayMs };
    const failed = failureOf(clientOf([first, second]).register(validRegistration, call));
    await first.fake.held(1);
    leaving.abort(reason);
    expect(await failed).toBe(reason);
    expect(second.calls()).toEqual([]);
  });

  test('fails with its reason between two attempts, and makes no other', async () => {
    const there = await member();
    const leaving = new AbortController();
    there.fake.failure = noLeader;
    const failed = failureOf(clientOf([there]).list({}, { signal: leaving.signal }));
    while (there.calls().length === 0) await new Promise(setImmediate);
    leaving.abort(reason);
    expect(await failed).toBe(reason);
    expect(there.calls()).toHaveLength(1);
  });

  test('leaves nothing on the signal', async () => {
    const there = await member();
    const client = clientOf([there]);
    const warnings: Error[] = [];
    const warned = (warning: Error) => warnings.push(warning);
    process.on('warning', warned);
    const { signal } = new AbortController();
    for (let count = 0; count < 15; count++) await client.list({}, { signal });
    await new Promise(setImmediate);
    process.off('warning', warned);
    expect(warnings).toEqual([]);
  });
});

describe('a client that is closed', () => {
  test(
    'ends the calls under way: a read as unanswered, a write as of unknown outcome',
    async () => {
      const there = await member();
      there.hold();
      const client = clientOf([there], { timeoutMs: farAwayMs });
      const failed = [failureOf(client.list({})), failureOf(client.register(validRegistration))];
      await there.fake.held(2);
      client.close();
      expect(await Promise.all(failed)).toMatchObject([
        { code: 'service_unavailable', message: 'This client is closed.' },
        { code: 'outcome_unknown' },
      ]);
    },
    beforeTheLibraryMs,
  );

  test('takes no others, and may be closed again', async () => {
    const there = await member();
    const client = clientOf([there]);
    client.close();
    client.close();
    expect(await failureOf(client.register(validRegistration))).toMatchObject({
      code: 'service_unavailable',
      message: 'This client is closed.',
    });
    expect(there.calls()).toEqual([]);
  });
});
