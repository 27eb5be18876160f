import { pino } from 'pino';
import { beforeEach, expect, test } from 'vitest';
import { SelfRegistration } from '../../src/node/self-registration.ts';
import { RegistryError } from '../../src/registry/errors.ts';
import type { RegistryService } from '../../src/registry/service.ts';
import { HandClock } from './hand-clock.ts';

const target = { name: 'manifest', id: 'manifest-n1' };

/** Takes every call down, and answers as the test says. */
class WatchedRegistry {
  readonly calls: string[] = [];
  readonly inputs: unknown[] = [];
  failure: unknown = null;
  answers: (() => void)[] = [];
  /** True: a call ends when the test says so. */
  holds = false;

  #called(name: string, input: unknown): Promise<never> {
    this.calls.push(name);
    this.inputs.push(input);
    const { failure } = this;
    return new Promise((resolve, reject) => {
      const answer = () => (failure ? reject(failure) : resolve(undefined as never));
      if (this.holds) this.answers.push(answer);
      else answer();
    });
  }

  readonly service: RegistryService = {
    register: (input) => this.#called('register', input),
    heartbeat: (input) => this.#called('heartbeat', input),
    heartbeats: () => this.#called('heartbeats', null),
    deregister: (input) => this.#called('deregister', input),
    getInstances: () => this.#called('getInstances', null),
    list: () => this.#called('list', null),
    dependencies: () => this.#called('dependencies', null),
    watch: () => {
      throw new Error('A member does not watch itself.');
    },
  };
}

let clock: HandClock;
let registry: WatchedRegistry;

beforeEach(() => {
  clock = new HandClock();
  registry = new WatchedRegistry();
});

function starting(addresses = { restAddress: 'http://h:8500', grpcAddress: 'h:8502' }): SelfRegistration {
  const self = { nodeId: 'n1', version: '1.2.3', heartbeatIntervalMs: 10_000, ...addresses };
  const registration = new SelfRegistration(registry.service, self, clock, pino({ level: 'silent' }));
  registration.start();
  return registration;
}

test('a member lists itself as an instance of manifest with every face it has, and renews that', async () => {
  starting();
  expect(registry.inputs).toEqual([
    {
      ...target,
      version: '1.2.3',
      interfaces: { CLI: 'chora-manifest', REST: 'http://h:8500', gRPC: 'h:8502' },
      metadata: { description: 'Registry member n1', tags: ['core', 'registry'], metrics_path: '/v1/metrics' },
    },
  ]);
  await clock.pass(29_000, 1_000);
  expect(registry.calls).toEqual(['register', 'heartbeat', 'heartbeat']);
  expect(registry.inputs[2]).toEqual(target);
});

test('a face that is not served is not listed', () => {
  starting({ restAddress: '', grpcAddress: '' });
  expect(registry.inputs).toMatchObject([{ interfaces: { CLI: 'chora-manifest' } }]);
});

test('while there is no leader it tries again every second, and never throws', async () => {
  registry.failure = new RegistryError('service_unavailable', 'No leader.');
  starting();
  await clock.pass(3_500, 100);
  expect(registry.calls).toEqual(['register', 'register', 'register', 'register']);
  registry.failure = null;
  await clock.pass(15_000, 100);
  expect(registry.calls.slice(4)).toEqual(['register', 'heartbeat']);
});

test('a heartbeat that fails for a while is tried again; one for an instance that is gone brings a new registration', async () => {
  starting();
  await clock.pass(100);
  registry.failure = new RegistryError('outcome_unknown', 'The leader was lost.');
  await clock.pass(11_500, 100);
  expect(registry.calls).toEqual(['register', 'heartbeat', 'heartbeat']);
  registry.failure = new RegistryError('service_gone', 'It was expired.');
  await clock.pass(1_000, 100);
  registry.failure = null;
  await clock.pass(1_000, 100);
  expect(registry.calls.slice(3)).toEqual(['heartbeat', 'register']);
});

test('a member that stops leaves the list and sends nothing more', async () => {
  const registration = starting();
  await clock.pass(100);
  await registration.stop(1_000);
  await clock.pass(60_000, 1_000);
  expect(registry.calls).toEqual(['register', 'deregister']);
  expect(registry.inputs[1]).toEqual(target);
});

test('a member that stops while its registration is under way leaves the list too', async () => {
  registry.holds = true;
  const registration = starting();
  const stopped = registration.stop(1_000);
  expect(registry.calls).toEqual(['register', 'deregister']);
  for (const answer of registry.answers) answer();
  await stopped;
  await clock.pass(60_000, 1_000);
  expect(registry.calls).toHaveLength(2);
});

test('a member that cannot leave the list stops all the same, and asks only once', async () => {
  const registration = starting();
  await clock.pass(100);
  registry.failure = new RegistryError('service_unavailable', 'No leader.');
  await registration.stop(1_000);
  await registration.stop(1_000);
  expect(registry.calls).toEqual(['register', 'deregister']);
});
