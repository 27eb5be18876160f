import type { ChangeEvent, WatchedRecord } from '../../../src/registry/records.ts';

/** One change, as a watcher hears of it. */
export interface Change {
  readonly revision: number;
  /** All that can be told of it, in one line: what two watchers heard is the same when this is. */
  readonly text: string;
  readonly key: string;
  readonly service: string;
  readonly isGone: boolean;
  readonly isRegistration: boolean;
  readonly leaseId: number;
  readonly status: string;
  readonly tags: readonly string[];
}

const types: ReadonlySet<string> = new Set(['registered', 'updated', 'status', 'deregistered', 'expired']);

export function isChange(type: string): type is ChangeEvent['type'] {
  return types.has(type);
}

export function toChange(type: ChangeEvent['type'], revision: number, record: WatchedRecord): Change {
  const { name, id, status, lease_id, version, metadata, changed } = record;
  const tags = metadata.tags ?? [];
  return {
    revision,
    text: `${type} ${name}/${id} ${status} lease ${lease_id} ${version} [${tags}] changed [${changed ?? ''}]`,
    key: `${name}/${id}`,
    service: name,
    isGone: type === 'deregistered' || type === 'expired',
    isRegistration: type === 'registered' || type === 'updated',
    leaseId: lease_id,
    status,
    tags,
  };
}

/** What a watcher watches: one service, whoever has one tag, or everything. */
export interface Part {
  readonly service?: string;
  readonly tag?: string;
}

/**
 * All changes of a registry, from its first on. This reads the filters by itself: who is said to have heard everything is
 * not judged by the code that told them.
 */
export class Log {
  readonly #changes: readonly Change[];
  /** Of each change, the tags that its instance had before. */
  readonly #tagsBefore: readonly (readonly string[])[];
  /** The last change of each instance that is listed. */
  readonly listed: ReadonlyMap<string, Change>;

  /** @throws Error when the revisions are not 1, 2, 3 and so on */
  constructor(changes: readonly Change[]) {
    const listed = new Map<string, Change>();
    this.#changes = changes;
    this.#tagsBefore = changes.map((change, position) => {
      if (change.revision !== position + 1) {
        throw new Error(`After revision ${position} comes ${change.revision}: a change is missing or there twice.`);
      }
      const before = listed.get(change.key)?.tags ?? [];
      if (change.isGone) listed.delete(change.key);
      else listed.set(change.key, change);
      return before;
    });
    this.listed = listed;
  }

  get lastRevision(): number {
    return this.#changes.length;
  }

  get(revision: number): Change | undefined {
    return this.#changes[revision - 1];
  }

  get texts(): readonly string[] {
    return this.#changes.map(({ text }) => text);
  }

  /** Revisions of the changes that concern a watcher of `part`, after the one at which it began. */
  concerning({ service, tag }: Part, after: number): number[] {
    const revisions: number[] = [];
    for (const [position, { revision, tags, service: name }] of this.#changes.entries()) {
      if (revision <= after || (service !== undefined && name !== service)) continue;
      if (tag !== undefined && !tags.includes(tag) && !this.#tagsBefore[position]?.includes(tag)) continue;
      revisions.push(revision);
    }
    return revisions;
  }
}
