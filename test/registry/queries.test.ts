import { describe, expect, test } from 'vitest';
import { type ErrorCode, RegistryError } from '../../src/registry/errors.ts';
import { parseConsistency, parseInstanceFilter, parseListQuery } from '../../src/registry/queries.ts';

function refusal(work: () => unknown): RegistryError {
  try {
    work();
  } catch (error) {
    if (error instanceof RegistryError) return error;
    throw error;
  }
  throw new Error('Nothing was refused.');
}

describe('a list query', () => {
  test('without parameters asks for the first 100 of everything', () => {
    const { limit, offset, ...filter } = parseListQuery({});
    expect([limit, offset]).toEqual([100, 0]);
    expect(Object.values(filter).every((condition) => condition === undefined)).toBe(true);
  });

  test('takes every filter of the contract', () => {
    const raw = {
      status: 'down',
      tag: ['core', 'edge'],
      environment: 'staging',
      dependency: 'users',
      interface: 'REST',
      instance_id: 'A-1',
      name: 'bill',
      limit: '1000',
      offset: '7',
    };
    const { tag, ...rest } = raw;
    expect(parseListQuery(raw)).toEqual({ ...rest, tags: tag, limit: 1_000, offset: 7 });
  });

  test.each([
    [{ tag: 'core' }, { tags: ['core'] }],
    [{ tag: [] }, { tags: [] }],
    [{ name: '' }, { name: '' }],
    [{ limit: 1 }, { limit: 1 }],
    [{ limit: '01' }, { limit: 1 }],
    [{ offset: '9007199254740991' }, { offset: Number.MAX_SAFE_INTEGER }],
  ])('%j is read as %j', (raw, expected) => {
    expect(parseListQuery(raw)).toMatchObject(expected);
  });

  test.each([
    [{ limit: '0' }, 'limit', 'from 1 to 1000'],
    [{ limit: '1001' }, 'limit', 'from 1 to 1000'],
    [{ limit: '1e2' }, 'limit', 'whole number'],
    [{ limit: '' }, 'limit', 'whole number'],
    [{ limit: 1.5 }, 'limit', 'whole number'],
    [{ limit: ['1', '2'] }, 'limit', 'only once'],
    [{ offset: '-1' }, 'offset', 'from 0'],
    [{ offset: '9007199254740992' }, 'offset', 'whole number'],
    [{ status: 'healthy' }, 'status', '"up", "unhealthy", "unknown" or "down"'],
    [{ status: ['up', 'down'] }, 'status', 'only once'],
    [{ tag: ['core', 'Core'] }, 'tag.1', 'only lowercase'],
    [{ tag: '' }, 'tag.0', 'only lowercase'],
    [{ environment: 'test' }, 'environment', '"staging"'],
    [{ dependency: 'Users' }, 'dependency', 'only lowercase'],
    [{ interface: '' }, 'interface', 'such as REST'],
    [{ instance_id: 'a/b' }, 'instance_id', 'only letters'],
    [{ name: 'Bill' }, 'name', 'only lowercase'],
    [{ name: 'a'.repeat(65) }, 'name', 'at most 64'],
    [{ color: 'red' }, 'color', 'known are status, tag'],
    [{ version: 'one' }, 'version', 'a range such as'],
    [{ cursor: 'x' }, 'cursor', 'the cursor of an answer'],
    [{ cursor: '', offset: '2' }, 'offset', 'give one of them'],
    [{ 'metadata.': 'me' }, 'metadata.', 'name a key'],
    [{ 'metadata.owner': ['me', 'you'] }, 'metadata.owner', 'only once'],
  ])('%j is refused by name', (raw, field, fix) => {
    const error = refusal(() => parseListQuery(raw));
    expect([error.code, error.field]).toEqual(['invalid_parameter', field]);
    expect(error.message).toContain(fix);
  });

  test('leaves to its caller what the caller reads itself', () => {
    expect(() => parseListQuery({ consistency: 'stale', hash: '1' }, ['consistency', 'hash'])).not.toThrow();
    expect(refusal(() => parseListQuery({ consistency: 'stale' })).field).toBe('consistency');
  });
});

test("the filter of one service's instances has no page and no prefix", () => {
  expect(parseInstanceFilter({ status: 'up', consistency: 'stale' }, ['consistency'])).toMatchObject({ status: 'up' });
  for (const field of ['limit', 'offset', 'name']) {
    expect(refusal(() => parseInstanceFilter({ [field]: '1' })).field).toBe(field);
  }
});

test('a read is linearizable unless it asks to be stale', () => {
  expect([undefined, 'linearizable', 'stale'].map(parseConsistency)).toEqual(['linearizable', 'linearizable', 'stale']);
  const error = refusal(() => parseConsistency('eventual'));
  expect([error.code, error.field]).toEqual(['invalid_parameter', 'consistency']);
});

test('an error says whether the same request may succeed later', () => {
  const retryable: ErrorCode[] = ['rate_limit_exceeded', 'service_unavailable', 'outcome_unknown', 'internal_error'];
  for (const code of retryable) expect(new RegistryError(code, 'x').retryable).toBe(true);
  for (const code of ['validation_error', 'service_gone', 'lease_mismatch'] as const) {
    expect(new RegistryError(code, 'x', { retryAfterSeconds: 1 }).retryable).toBe(false);
  }
});
