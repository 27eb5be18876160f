import { setImmediate as breath } from 'node:timers/promises';
import { cursorAfter } from '../src/registry/cursor.ts';
import { GraphMaker } from '../src/registry/dependencies.ts';
import type { Registration } from '../src/registry/records.ts';
import { RegistryState } from '../src/registry/registry-state.ts';
import type { ReadAnswer, RegistryService } from '../src/registry/service.ts';
import { inOneGo } from '../src/registry/slices.ts';
import { toRecord } from '../src/registry/views.ts';
import { entry } from '../test/registry/machine-driver.ts';

const environments = ['development', 'staging', 'production'] as const;

/** One service has a tenth of all instances; the others have a hundred each. */
const instancesOfMost = 100;

/** A state in which `instances` instances are listed, of services that depend on each other. */
export function fleetOf(instances: number): RegistryState {
  const state = new RegistryState();
  for (let i = 0; i < instances; i++) {
    const command = { type: 'register', registration: described(i), validateDependencies: false } as const;
    state.apply(i + 1, entry(`request-${i}`, command, { wallMs: 1_700_000_000_000 + i, leaseMs: 1_000 }));
  }
  return state;
}

function described(i: number): Registration {
  const service = Math.floor(i / instancesOfMost);
  const name = i % 10 === 0 ? 'hot' : `service-${String(service).padStart(5, '0')}`;
  return {
    name,
    id: `${name}-${(i * 2_654_435_761) % 4_294_967_296}`,
    version: `${1 + (service % 3)}.${i % 20}.0`,
    interfaces: { REST: `http://10.0.0.1:${1_024 + (i % 60_000)}`, ...(i % 4 === 0 ? { gRPC: '10.0.0.1:9001' } : {}) },
    metadata: {
      description: `Instance ${i} of a fleet that is only there to be asked for.`,
      dependencies: service > 0 ? [`service-${String(Math.floor(service / 2)).padStart(5, '0')}`] : [],
      tags: ['fleet', `rack-${i % 500}`, ...(i % 2 === 0 ? ['even'] : [])],
      environment: environments[i % 3] ?? 'production',
      region: `region-${i % 5}`,
      owner: `team-${service % 40}`,
      shard: i % 64,
    },
    ttl: { heartbeat_interval: 10, unhealthy_after: 30, remove_after: 60 },
  };
}

type Reads = Pick<RegistryService, 'list' | 'getInstances' | 'dependencies'>;

/** A member's reads without the cluster: what a query costs beside the round that makes it linearizable. */
export function readsOf(state: RegistryState): Reads {
  const answer = <T>(value: T): ReadAnswer<T> => ({
    value,
    revision: state.revision,
    leader: 'node-1',
    staleness_ms: null,
  });
  return {
    async list({ limit = 100, offset = 0, after, ...filter }) {
      const querying = state.querying(filter, limit, offset, after);
      let step = querying.next();
      for (; !step.done; step = querying.next()) await breath();
      const { instances, total, hasMore } = step.value;
      const last = instances.at(-1);
      const next = hasMore && last ? cursorAfter(last.registration) : null;
      return answer({ instances: instances.map(toRecord), total, next });
    },
    async getInstances(name, filter) {
      return answer(state.instancesOf(name, filter).map(toRecord));
    },
    async dependencies() {
      return answer(inOneGo(new GraphMaker().making(state.services())));
    },
  };
}
