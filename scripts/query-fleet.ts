import { pino } from 'pino';
import { Member } from '../src/node/member.ts';
import { silentMetrics } from '../src/node/member-metrics.ts';
import { systemClock, systemRandom } from '../src/node/system-environment.ts';
import { defaultTtlPolicy } from '../src/registry/validation.ts';
import { DurableStorage } from '../src/storage/durable-storage.ts';
import { MemoryStore } from '../src/storage/memory-store.ts';
import { MemoryNetwork } from '../src/transport/memory-transport.ts';

const environments = ['development', 'staging', 'production'] as const;

/** One service has a tenth of all instances; the others share the rest. */
export const hotService = 'hot';

/** Of one of its instances. */
export const hotId = idOf(hotService, 3);

/** Nobody reports while queries are measured. */
const ttl = { heartbeat_interval: 80_000, unhealthy_after: 82_000, remove_after: 86_000 };

/** Registrations under way at a time. */
const registrationsAtOnce = 2_000;

export function serviceName(number: number): string {
  return `service-${String(number).padStart(5, '0')}`;
}

/** A cluster of one member whose log is in memory: what queries cost beside disks and networks. */
export function loneMember(): Promise<Member> {
  return Member.start(
    {
      nodeId: 'a',
      clusterId: 'bench',
      initialVoters: ['a'],
      tickMs: 10,
      electionTimeoutMs: 100,
      raftHeartbeatMs: 50,
      snapshotEveryEntries: Number.MAX_SAFE_INTEGER,
      snapshotEveryBytes: Number.MAX_SAFE_INTEGER,
      keepEntries: 1_000,
      ttlPolicy: { ...defaultTtlPolicy, maximumSeconds: 86_400 },
      validateDependencies: false,
      requestTimeoutMs: 60_000,
      leaderWaitMs: 60_000,
      maxPendingWrites: 10_000,
      version: '0.0.0',
      restAddress: '',
      grpcAddress: '',
    },
    {
      clock: systemClock,
      random: systemRandom,
      storage: new DurableStorage(new MemoryStore()),
      transport: new MemoryNetwork((delayMs, deliver) => systemClock.after(delayMs, deliver)).transport('a'),
      logger: pino({ level: 'silent' }),
      metrics: silentMetrics,
    },
  );
}

/** Registers `instances` instances of about `services` services that depend on each other. */
export async function register(member: Member, instances: number, services: number): Promise<void> {
  for (let begin = 0; begin < instances; begin += registrationsAtOnce) {
    const numbers = Array.from({ length: Math.min(registrationsAtOnce, instances - begin) }, (_, i) => begin + i);
    await Promise.all(numbers.map((i) => member.registry.register(described(i, services))));
  }
}

function idOf(name: string, i: number): string {
  return `${name}-${(i * 2_654_435_761) % 4_294_967_296}`;
}

/** Services are filled in turn, so that neighbours in the list are not neighbours in time. */
function described(i: number, services: number) {
  const service = i % services;
  const name = i % 10 === 3 ? hotService : serviceName(service);
  return {
    name,
    id: idOf(name, i),
    version: `${1 + (service % 3)}.${service % 20}.0`,
    interfaces: { REST: `http://10.0.0.1:${1_024 + (i % 60_000)}`, ...(i % 4 === 0 ? { gRPC: '10.0.0.1:9001' } : {}) },
    metadata: {
      description: `Instance ${i} of a fleet that is only there to be asked for.`,
      dependencies: dependenciesOf(service),
      tags: ['fleet', `rack-${i % 500}`, ...(i % 2 === 0 ? ['even'] : [])],
      environment: environments[i % 3] ?? 'production',
      region: `region-${i % 5}`,
      owner: `team-${service % 40}`,
      shard: i % 64,
    },
    ttl,
  };
}

/** A few of lesser number each, and a cycle here and there. */
function dependenciesOf(service: number): string[] {
  const numbers = [service >> 1, service >> 2, service >> 3].filter((other) => other < service);
  return [...new Set(service % 50 === 0 ? [...numbers, service + 1] : numbers)].map(serviceName);
}

/**
 * A registration that changes the graph: one that depends on whom nobody depended on, or only its revision.
 * @param round tells one from the next
 */
export function changing(round: number, shape: boolean) {
  return {
    ...described(0, 1),
    name: 'changing',
    id: 'changing-1',
    version: `1.0.${round}`,
    metadata: { dependencies: [serviceName(shape ? round % 100 : 0)] },
  };
}
