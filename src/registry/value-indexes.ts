import { isWithin } from './filters.ts';
import type { Registration } from './records.ts';
import type { InstanceFilter } from './service.ts';

const kinds = ['tags', 'dependencies', 'environment', 'region', 'owner', 'interface', 'version'] as const;

type Kind = (typeof kinds)[number];

/** What is indexed of a condition on the metadata: the keys that have a meaning and are short. */
const metadataKinds: ReadonlySet<string> = new Set<Kind>(['tags', 'dependencies', 'environment', 'region', 'owner']);

/** With more versions than this a range is not asked about each of them in one go: whoever searches, asks in slices. */
const maxVersionsAsked = 1_000;

/** Everything that has one of some values. */
export interface Narrowing<T> {
  /** Without a common member. */
  readonly sets: readonly ReadonlySet<T>[];
  readonly size: number;
}

/**
 * Who has which value, for the values that are asked for most. A registration never changes, so only its beginning and
 * its end touch these.
 */
export class ValueIndexes<T> {
  readonly #sets: Readonly<Record<Kind, Map<string, Set<T>>>> = {
    tags: new Map(),
    dependencies: new Map(),
    environment: new Map(),
    region: new Map(),
    owner: new Map(),
    interface: new Map(),
    version: new Map(),
  };

  add(registration: Registration, member: T): void {
    for (const kind of kinds) {
      const sets = this.#sets[kind];
      for (const value of valuesOf(registration, kind)) {
        const members = sets.get(value);
        if (members) members.add(member);
        else sets.set(value, new Set([member]));
      }
    }
  }

  remove(registration: Registration, member: T): void {
    for (const kind of kinds) {
      const sets = this.#sets[kind];
      for (const value of valuesOf(registration, kind)) {
        const members = sets.get(value);
        members?.delete(member);
        if (members?.size === 0) sets.delete(value);
      }
    }
  }

  /** How many meet the filter's only condition; `null` where it is not indexed. */
  countOf(filter: InstanceFilter): number | null {
    // Several of a kind may be met by the same member.
    const isOne = (filter.tags?.length ?? 1) === 1 && Object.keys(filter.metadata ?? { key: '' }).length === 1;
    return isOne ? (this.narrowest(filter)?.size ?? null) : null;
  }

  /** The fewest that all who match are among; `null` where the filter has no condition that an index answers. */
  narrowest({
    tags,
    dependency,
    environment,
    interface: type,
    version,
    metadata,
  }: InstanceFilter): Narrowing<T> | null {
    const found: Narrowing<T>[] = [];
    const take = (kind: Kind, value: string | undefined) => {
      if (value !== undefined) found.push(narrowing([this.#sets[kind].get(value) ?? new Set<T>()]));
    };
    for (const tag of tags ?? []) take('tags', tag);
    take('dependencies', dependency);
    take('environment', environment);
    take('interface', type);
    if (version !== undefined && this.#sets.version.size <= maxVersionsAsked) found.push(this.#within(version));
    for (const [key, value] of Object.entries(metadata ?? {})) if (metadataKinds.has(key)) take(key as Kind, value);
    return found.reduce<Narrowing<T> | null>((best, next) => (best && best.size <= next.size ? best : next), null);
  }

  /** A fleet has few versions, so the range is asked about each of them once and not about each instance. */
  #within(asked: string): Narrowing<T> {
    const sets: ReadonlySet<T>[] = [];
    for (const [version, members] of this.#sets.version) if (isWithin(version, asked)) sets.push(members);
    return narrowing(sets);
  }
}

function narrowing<T>(sets: readonly ReadonlySet<T>[]): Narrowing<T> {
  return { sets, size: sets.reduce((sum, { size }) => sum + size, 0) };
}

/** Each value once: a registration says no tag and no dependency twice. */
function valuesOf({ interfaces, metadata, version }: Registration, kind: Kind): readonly string[] {
  if (kind === 'version') return [version];
  if (kind === 'interface') return Object.keys(interfaces);
  if (kind === 'tags' || kind === 'dependencies') return metadata[kind] ?? [];
  const value = metadata[kind];
  return value === undefined ? [] : [value];
}
