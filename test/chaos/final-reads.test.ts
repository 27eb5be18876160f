import { describe, expect, test } from 'vitest';
import { compare } from './final-reads.ts';

const certain = { state: 'listed', version: '1.0.5', leaseId: 7 } as const;
const record = { id: 'a-0', version: '1.0.5', leaseId: 7 };

describe('what is read at the end', () => {
  test('is right when it is what was acknowledged last, or when that is not certain', () => {
    expect(compare(certain, record)).toBeNull();
    expect(compare({ state: 'absent' }, null)).toBeNull();
    expect(compare(null, record)).toBeNull();
    expect(compare(null, null)).toBeNull();
  });

  test('is wrong when an acknowledged registration is missing, or another one is there', () => {
    expect(compare(certain, null)).toMatch(/lease 7, and not there/);
    expect(compare(certain, { ...record, leaseId: 6 })).toMatch(/there with 1\.0\.5 and 6/);
    expect(compare(certain, { ...record, version: '1.0.4' })).toMatch(/there with 1\.0\.4/);
  });

  test('is wrong when an acknowledged deregistration came back', () => {
    expect(compare({ state: 'absent' }, record)).toMatch(/listed with lease 7/);
  });
});
