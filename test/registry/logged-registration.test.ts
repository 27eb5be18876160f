import { describe, expect, test } from 'vitest';
import { registrationFromJson, registrationToJson } from '../../src/registry/logged-registration.ts';
import { MachineDriver, registration } from './machine-driver.ts';

const billing = registration('billing', 'one', { tags: ['a'], note: 'ü, 語 and \ud800' });
const json = registrationToJson(billing);

describe('a registration in the log', () => {
  test('comes back as it was, and looks like any other', () => {
    const logged = registrationFromJson(json);
    expect(logged).toEqual(billing);
    expect(JSON.stringify(logged)).toBe(json);
    expect({ ...logged }).toStrictEqual(billing);
  });

  test('is written as it was read, whatever this version would have written', () => {
    const other = json.replace('{', '{ "of_a_later_version":1,');
    const logged = registrationFromJson(other);
    expect(logged).toEqual(billing);
    expect(registrationToJson(logged)).toBe(other);
  });

  test.each([{ name: null }, { version: 5 }, { interfaces: null }, { metadata: null }, { ttl: 10 }])(
    'is refused with %j',
    (wrong) => {
      expect(() => registrationFromJson(JSON.stringify({ ...billing, ...wrong }))).toThrow('is incomplete');
    },
  );

  test('holds the fields of a registration and no others', () => {
    const record = { ...billing, status: 'up', lease_id: 7 };
    expect(registrationToJson(record)).toBe(json);
  });
});

test('a registration goes from the log into the snapshots that follow without being written anew', () => {
  const driver = new MachineDriver();
  driver.register('billing', 'one');
  const { registration: listed } = driver.state.find('billing', 'one') ?? { registration: billing };
  driver.heartbeat(1);
  // The same object, and so the text that it keeps.
  expect(driver.state.capture().instances[0]?.registration).toBe(listed);
  expect(registrationToJson(listed)).toBe(registrationToJson(registration('billing', 'one')));
});
