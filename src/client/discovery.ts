import { RegistryError } from '../registry/errors.ts';
import type { InstanceRecord, Status } from '../registry/records.ts';
import type { InstanceFilter, ReadAnswer, ReadOptions } from '../registry/service.ts';
import { parseName } from '../registry/validation.ts';
import type { ClientCallOptions } from './caller.ts';
import { Ending } from './ending.ts';
import type { Rotation } from './rotation.ts';
import type { FollowOptions, ServiceView } from './service-view.ts';

const defaultWaitMs = 30_000;

/** A service of which no instance is up. */
export interface UnhealthyService {
  readonly name: string;
  /** The best that any of its instances is. */
  readonly status: Status;
}

/** Some of the services that were asked for are not up; it names all of them. The same request may succeed later. */
export class DependenciesNotReadyError extends RegistryError {
  /** Services of which no instance is listed. */
  readonly missing: readonly string[];
  readonly unhealthy: readonly UnhealthyService[];
  /** Services that no member could be asked about in time. */
  readonly unanswered: readonly string[];

  /** @param suffix what was done about it, such as ` within 500 ms` */
  constructor(states: readonly ServiceState[], suffix: string) {
    const missing = states.filter(({ found }) => found === 'missing').map(({ name }) => name);
    const unanswered = states.filter(({ found }) => found === 'unanswered').map(({ name }) => name);
    const unhealthy = states.flatMap(({ name, found }) =>
      found === 'missing' || found === 'unanswered' || typeof found === 'object' ? [] : [{ name, status: found }],
    );
    const parts = [
      missing.length > 0 ? `not registered: ${missing.join(', ')}` : '',
      unhealthy.length > 0 ? `not up: ${unhealthy.map(({ name, status }) => `${name} (${status})`).join(', ')}` : '',
      unanswered.length > 0 ? `no member of the registry could be asked about: ${unanswered.join(', ')}` : '',
    ].filter((part) => part !== '');
    super('dependency_not_found', `Not every service is ready${suffix}; ${parts.join('; ')}.`, {
      details: { missing_dependencies: missing, unhealthy, unanswered },
    });
    this.missing = missing;
    this.unhealthy = unhealthy;
    this.unanswered = unanswered;
  }

  override get retryable(): boolean {
    return true;
  }
}

interface ServiceState {
  readonly name: string;
  readonly found: InstanceRecord | Status | 'missing' | 'unanswered';
}

export interface WaitOptions {
  /** Milliseconds; 30 s when absent. */
  readonly timeoutMs?: number | undefined;
  /** Ends the waiting, which fails with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

interface Reader {
  getInstances(
    name: string,
    filter: InstanceFilter,
    options: ReadOptions & ClientCallOptions,
  ): Promise<ReadAnswer<readonly InstanceRecord[]>>;
}

interface Follower {
  follow(filter: InstanceFilter, options?: FollowOptions): ServiceView;
}

/** One record for each name. */
export type Resolved<Name extends string> = Readonly<Record<Name, InstanceRecord>>;

/**
 * An instance of a service that is up, else the best of the others.
 * @throws RegistryError `service_not_found`
 */
export async function findService(
  reader: Reader,
  rotation: Rotation,
  name: string,
  options: ReadOptions & ClientCallOptions,
): Promise<InstanceRecord> {
  const { value } = await reader.getInstances(parseName(name), {}, options);
  const best = rotation.choose(value) ?? value[0];
  if (best) return best;
  throw new RegistryError('service_not_found', `No instance of the service '${name}' is registered.`, {
    field: 'name',
    value: name,
  });
}

/** An instance that is up for each name. @throws DependenciesNotReadyError where one has none */
export async function resolveServices<Name extends string>(
  reader: Reader,
  rotation: Rotation,
  names: readonly Name[],
  options: ReadOptions & ClientCallOptions,
): Promise<Resolved<Name>> {
  const states = await Promise.all(
    checked(names).map(async (name): Promise<ServiceState> => {
      const { value } = await reader.getInstances(name, {}, options);
      return stateOf(name, value, rotation);
    }),
  );
  return allUp<Name>(states) ?? fail(states, '');
}

/** As `resolveServices`, as soon as all are up at once. Each service is watched: a change of another one wakes nobody. */
export async function waitForServices<Name extends string>(
  follower: Follower,
  rotation: Rotation,
  names: readonly Name[],
  { timeoutMs = defaultWaitMs, signal }: WaitOptions,
): Promise<Resolved<Name>> {
  signal?.throwIfAborted();
  const views = checked(names).map((name) => ({ name, view: follower.follow({ service: name }) }));
  const look = (): readonly ServiceState[] =>
    views.map(({ name, view }) => {
      if (view.state === 'failed' || view.state === 'closed') view.get(name);
      return view.state === 'live' ? stateOf(name, view.get(name), rotation) : { name, found: 'unanswered' };
    });
  const ending = new Ending([signal], timeoutMs);
  try {
    for (;;) {
      const states = look();
      const resolved = allUp<Name>(states);
      if (resolved) return resolved;
      signal?.throwIfAborted();
      if (ending.timedOut) return fail(states, ` within ${timeoutMs} ms`);
      await Promise.race(views.map(({ view }) => view.next(ending.signal)));
    }
  } finally {
    ending.release();
    for (const { view } of views) view.close();
  }
}

/** Each name once. @throws RegistryError `validation_error` with the position of the name */
function checked(names: readonly string[]): readonly string[] {
  return [...new Set(names.map((name, position) => parseName(name, `names[${position}]`)))];
}

function stateOf(name: string, instances: readonly InstanceRecord[], rotation: Rotation): ServiceState {
  const [best] = instances;
  if (!best) return { name, found: 'missing' };
  return { name, found: best.status === 'up' ? (rotation.choose(instances) ?? best) : best.status };
}

function allUp<Name extends string>(states: readonly ServiceState[]): Resolved<Name> | null {
  const found: [string, InstanceRecord][] = [];
  for (const state of states) {
    if (typeof state.found !== 'object') return null;
    found.push([state.name, state.found]);
  }
  return Object.fromEntries(found) as Resolved<Name>;
}

function fail(states: readonly ServiceState[], suffix: string): never {
  throw new DependenciesNotReadyError(states, suffix);
}
