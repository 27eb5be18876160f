import semver from 'semver';
import type { Instance } from './machine.ts';
import type { Metadata, QueryableStatus, Registration } from './records.ts';
import type { InstanceFilter } from './service.ts';

/** Whether an instance meets every condition of the filter. */
export function matches({ registration, status }: Instance, filter: InstanceFilter): boolean {
  return matchesAs(registration, status, filter);
}

/** As `matches`, for an instance in the status that it is asked about: one that is no longer listed is `down`. */
export function matchesAs(registration: Registration, status: QueryableStatus, filter: InstanceFilter): boolean {
  const { name, id, interfaces, metadata } = registration;
  if (filter.service !== undefined && filter.service !== name) return false;
  if (filter.status !== undefined && filter.status !== status) return false;
  if (filter.instance_id !== undefined && filter.instance_id !== id) return false;
  if (filter.name !== undefined && !name.startsWith(filter.name)) return false;
  if (filter.environment !== undefined && filter.environment !== metadata.environment) return false;
  if (filter.interface !== undefined && !Object.hasOwn(interfaces, filter.interface)) return false;
  if (filter.dependency !== undefined && !metadata.dependencies?.includes(filter.dependency)) return false;
  if (filter.version !== undefined && !isWithin(registration.version, filter.version)) return false;
  if (filter.metadata !== undefined && !hasAll(metadata, filter.metadata)) return false;
  return filter.tags?.every((tag) => metadata.tags?.includes(tag) === true) ?? true;
}

/** Versions whose answer is kept beside the range that they were asked about. */
const maxKnownVersions = 10_000;

interface Range {
  readonly text: string;
  readonly range: semver.Range | null;
  /** A fleet has few versions: each is asked about once and not for each instance. */
  readonly known: Map<string, boolean>;
}

/** A filter is asked of many instances in a row, and reading its range costs more than asking it. */
let lastRange: Range = { text: '', range: null, known: new Map() };

function readRange(text: string): Range {
  if (lastRange.text === text && lastRange.range) return lastRange;
  let range: semver.Range | null = null;
  try {
    range = new semver.Range(text);
  } catch {
    // The library knows no other way to say no.
  }
  lastRange = { text, range, known: new Map() };
  return lastRange;
}

/** `null` for what is no version and no range of versions. A pre-release is in a range that names one of its version. */
export function rangeOf(text: string): semver.Range | null {
  return readRange(text).range;
}

/** A whole version means itself, build included where it names one; everything else is a range. */
export function isWithin(version: string, asked: string): boolean {
  if (version === asked) return true;
  if (asked.includes('+')) return false;
  const { range, known } = readRange(asked);
  let within = known.get(version);
  if (within === undefined) {
    within = range?.test(version) === true;
    if (known.size < maxKnownVersions) known.set(version, within);
  }
  return within;
}

function hasAll(metadata: Metadata, asked: Readonly<Record<string, string>>): boolean {
  return Object.entries(asked).every(([key, value]) => {
    if (!Object.hasOwn(metadata, key)) return false;
    const own = metadata[key];
    return Array.isArray(own) ? own.some((item) => isSaid(item, value)) : isSaid(own, value);
  });
}

/** Texts, numbers and truth values are asked for as they are written; objects cannot be. */
function isSaid(own: unknown, value: string): boolean {
  return typeof own === 'object' ? own === null && value === 'null' : String(own) === value;
}
