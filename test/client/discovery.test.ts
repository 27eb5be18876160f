import { describe, expect, test } from 'vitest';
import { DependenciesNotReadyError, RegistryError } from '../../src/client/index.ts';
import { FakeRegistry } from '../api/fake-registry.ts';
import { clientOf, failureOf, member } from './members.ts';
import { current, progress, record, registered, ScriptedWatch, synced, turned } from './scripted-watch.ts';

const registration = (name: string, id: string) => ({ name, id, version: '1.0.0', interfaces: { CLI: name } });

async function registryWith(...names: readonly string[]): Promise<FakeRegistry> {
  const fake = new FakeRegistry();
  for (const name of names) await fake.register(registration(name, `${name}-1`));
  return fake;
}

/** Knows each service from the start that it has a record for, and says of the others that they are not there. */
function watchOf(...records: readonly ReturnType<typeof record>[]): ScriptedWatch {
  const registry = new ScriptedWatch();
  registry.greeting = ({ service, from }) =>
    from === undefined ? [...current(...records.filter(({ name }) => name === service)), synced(1)] : [progress(from)];
  return registry;
}

describe('finding one instance', () => {
  test('gives those that are up in turn', async () => {
    const fake = await registryWith('web');
    await fake.register(registration('web', 'web-2'));
    const client = clientOf([await member(fake)]);
    const found = [await client.getService('web'), await client.getService('web'), await client.getService('web')];
    expect(new Set(found.map(({ id }) => id)).size).toBe(2);
    expect(found[0]?.id).toBe(found[2]?.id);
  });

  test('gives one that is not up where no other is there, and fails where none is', async () => {
    const fake = await registryWith('web');
    fake.turn('unhealthy');
    const client = clientOf([await member(fake)]);
    expect(await client.getService('web')).toMatchObject({ status: 'unhealthy' });
    expect(await failureOf(client.getService('nobody'))).toMatchObject({ code: 'service_not_found', field: 'name' });
    expect(await failureOf(client.getService('No Name'))).toMatchObject({ code: 'validation_error', field: 'name' });
  });
});

describe('resolving names', () => {
  test('gives an instance that is up for each, once', async () => {
    const client = clientOf([await member(await registryWith('web', 'api'))]);
    const { web, api } = await client.resolve(['web', 'api', 'web']);
    expect([web.id, api.id]).toEqual(['web-1', 'api-1']);
    expect(await client.resolve([])).toEqual({});
  });

  test('fails with one error that names everything that is missing or not up', async () => {
    const fake = await registryWith('ill');
    fake.turn('unhealthy');
    await fake.register(registration('web', 'web-1'));
    const error = await failureOf(clientOf([await member(fake)]).resolve(['a', 'web', 'ill', 'b']));
    expect(error).toBeInstanceOf(DependenciesNotReadyError);
    expect(error).toMatchObject({
      missing: ['a', 'b'],
      unhealthy: [{ name: 'ill', status: 'unhealthy' }],
      unanswered: [],
      retryable: true,
      message: 'Not every service is ready; not registered: a, b; not up: ill (unhealthy).',
    });
  });

  test('names the position of a name that is none', async () => {
    const client = clientOf([await member()]);
    expect(await failureOf(client.resolve(['web', 'No Name']))).toMatchObject({ field: 'names[1]' });
  });
});

describe('waiting for names', () => {
  test('ends as soon as all are up, and leaves no watch behind', async () => {
    const registry = watchOf(record('web', 'web-1', 1, 'unhealthy'), record('db', 'db-1'));
    const waiting = clientOf([await member(registry)]).waitFor(['web', 'api', 'db']);
    await registry.isWatched(3);
    registry.say(registered(record('api', 'api-1', 2)));
    registry.say(turned(record('web', 'web-1', 3)));
    const { web, api, db } = await waiting;
    expect([web.id, api.id, db.id]).toEqual(['web-1', 'api-1', 'db-1']);
    await expect.poll(() => registry.open).toBe(0);
  });

  test('fails when its time is over, and names what was not ready', async () => {
    const registry = watchOf(record('web', 'web-1', 1, 'unknown'), record('db', 'db-1'));
    const client = clientOf([await member(registry)]);
    expect(await failureOf(client.waitFor(['web', 'api', 'db'], { timeoutMs: 400 }))).toMatchObject({
      missing: ['api'],
      unhealthy: [{ name: 'web', status: 'unknown' }],
      message: 'Not every service is ready within 400 ms; not registered: api; not up: web (unknown).',
    });
    await expect.poll(() => registry.open).toBe(0);
  });

  test('waits for the registry, too', async () => {
    const registry = watchOf(record('web', 'web-1'));
    registry.failure = new RegistryError('service_unavailable', 'There is no leader.');
    const client = clientOf([await member(registry)], { timeoutMs: 300 });
    expect(await failureOf(client.waitFor(['web'], { timeoutMs: 200 }))).toMatchObject({
      unanswered: ['web'],
      missing: [],
    });
    const waiting = client.waitFor(['web']);
    registry.failure = null;
    expect(await waiting).toMatchObject({ web: { id: 'web-1' } });
  });

  test('fails with the reason of its signal', async () => {
    const registry = watchOf();
    const leaving = new AbortController();
    const reason = new Error('shut down');
    const client = clientOf([await member(registry)]);
    const waiting = failureOf(client.waitFor(['web'], { signal: leaving.signal }));
    await registry.isWatched();
    leaving.abort(reason);
    expect(await waiting).toBe(reason);
    expect(await failureOf(client.waitFor(['web'], { signal: leaving.signal }))).toBe(reason);
    expect(await failureOf(client.waitFor(['No Name']))).toMatchObject({ field: 'names[0]' });
  });

  test('ends with its client', async () => {
    const registry = watchOf();
    const client = clientOf([await member(registry)]);
    const waiting = failureOf(client.waitFor(['web']));
    await registry.isWatched();
    client.close();
    expect(await waiting).toMatchObject({ code: 'service_unavailable' });
  });
});
