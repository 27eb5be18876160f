import { isWithin } from './filters.ts';
import type { Postings } from './postings.ts';
import type { Registration } from './records.ts';
import type { InstanceFilter } from './service.ts';

/** Who has which value, by the value. */
type Index<T> = Map<string, Postings<T>>;

/** What is indexed of a condition on the metadata: the keys that have a meaning and are short. */
const metadataKinds = ['tags', 'dependencies', 'environment', 'region', 'owner'] as const;

type Kind = (typeof metadataKinds)[number] | 'interface' | 'version';

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
  readonly #indexes: Readonly<Record<Kind, Index<T>>> = {
    tags: new Map(),
    dependencies: new Map(),
    environment: new Map(),
    region: new Map(),
    owner: new Map(),
    interface: new Map(),
    version: new Map(),
  };
  readonly #newPostings: () => Postings<T>;

  constructor(newPostings: () => Postings<T>) {
    this.#newPostings = newPostings;
  }

  add(registration: Registration, member: T): void {
    this.#eachValue(registration, (index, value) => {
      let postings = index.get(value);
      if (!postings) {
        postings = this.#newPostings();
        index.set(value, postings);
      }
      postings.add(member);
    });
  }

  remove(registration: Registration, member: T): void {
    this.#eachValue(registration, (index, value) => {
      const postings = index.get(value);
      postings?.remove(member);
      if (postings?.size === 0) index.delete(value);
    });
  }

  /** Is told of a member that is there, for the postings that do not hold it any more. */
  restore(registration: Registration, member: T): void {
    this.#eachValue(registration, (index, value) => index.get(value)?.restore(member));
  }

  /** How many meet the filter's only condition; `null` where it is not indexed. */
  countOf(filter: InstanceFilter): number | null {
    // Several of a kind may be met by the same member.
    const isOne = (filter.tags?.length ?? 1) === 1 && Object.keys(filter.metadata ?? { key: '' }).length === 1;
    const [condition] = isOne ? this.#conditionsOf(filter) : [];
    return condition ? sizeOf(condition) : null;
  }

  /** The fewest that all who match are among; `null` where no index knows the members of a condition. */
  narrowest(filter: InstanceFilter): Narrowing<T> | null {
    let best: Narrowing<T> | null = null;
    for (const condition of this.#conditionsOf(filter)) {
      const size = sizeOf(condition);
      if (best && best.size <= size) continue;
      const sets = condition.map(({ members }) => members).filter((members) => members !== null);
      if (sets.length === condition.length) best = { sets, size };
    }
    return best;
  }

  /** Of each condition that is indexed, the postings that meet it, without a common member. */
  #conditionsOf({
    tags,
    dependency,
    environment,
    interface: type,
    version,
    metadata,
  }: InstanceFilter): readonly (readonly Postings<T>[])[] {
    const conditions: (readonly Postings<T>[])[] = [];
    const take = (kind: Kind, value: string | undefined) => {
      if (value === undefined) return;
      const postings = this.#indexes[kind].get(value);
      conditions.push(postings ? [postings] : []);
    };
    for (const tag of tags ?? []) take('tags', tag);
    take('dependencies', dependency);
    take('environment', environment);
    take('interface', type);
    if (version !== undefined && this.#indexes.version.size <= maxVersionsAsked) conditions.push(this.#within(version));
    for (const kind of metadataKinds) take(kind, metadata?.[kind]);
    return conditions;
  }

  /** A fleet has few versions, so the range is asked about each of them once and not about each instance. */
  #within(asked: string): Postings<T>[] {
    const within: Postings<T>[] = [];
    for (const [version, postings] of this.#indexes.version) if (isWithin(version, asked)) within.push(postings);
    return within;
  }

  /** Each value once: a registration says no tag and no dependency twice. */
  #eachValue({ interfaces, metadata, version }: Registration, take: (index: Index<T>, value: string) => void): void {
    const indexes = this.#indexes;
    if (metadata.tags) for (const tag of metadata.tags) take(indexes.tags, tag);
    if (metadata.dependencies) for (const name of metadata.dependencies) take(indexes.dependencies, name);
    if (metadata.environment !== undefined) take(indexes.environment, metadata.environment);
    if (metadata.region !== undefined) take(indexes.region, metadata.region);
    if (metadata.owner !== undefined) take(indexes.owner, metadata.owner);
    for (const type in interfaces) take(indexes.interface, type);
    take(indexes.version, version);
  }
}

function sizeOf(condition: readonly Postings<unknown>[]): number {
  return condition.reduce((sum, { size }) => sum + size, 0);
}
