import { type Draw, pick } from './generate.ts';
import type { AppendMapInput } from './models/append-map.ts';
import type { RegisterInput } from './models/register.ts';
import type { RegistryInput } from './models/registry-operations.ts';

/** Operations at random, as many clients would ask them. Values are all different, so that each read names its write. */

type Keys = readonly [string, ...string[]];

export function registerInputs(draw: Draw, keys: Keys): () => RegisterInput {
  let last = 0;
  return () => {
    const key = pick(draw, keys);
    const lot = draw();
    if (lot < 0.5) return { type: 'read', key };
    if (lot < 0.85) return { type: 'write', key, value: ++last };
    return { type: 'compare-and-set', key, from: Math.max(1, last - Math.floor(draw() * 3)), to: ++last };
  };
}

export function appendMapInputs(draw: Draw, keys: Keys): () => AppendMapInput {
  let last = 0;
  return () => {
    const key = pick(draw, keys);
    const lot = draw();
    if (lot < 0.5) return { type: 'get', key };
    return lot < 0.95 ? { type: 'append', key, item: ++last } : { type: 'put', key, value: [++last] };
  };
}

export function registryInputs(draw: Draw, names: Keys, ids: Keys): () => RegistryInput {
  let last = 0;
  return () => {
    const name = pick(draw, names);
    const id = pick(draw, ids);
    // Now and then a lease that was given lately, and seldom to this very instance.
    const lease = draw() < 0.3 ? { leaseId: 1 + Math.floor(draw() * (last + 1)) } : {};
    const lot = draw();
    if (lot < 0.25) return { type: 'register', name, id, version: `1.0.${++last}` };
    if (lot < 0.45) return { type: 'heartbeat', name, id, ...lease };
    if (lot < 0.55) return { type: 'deregister', name, id, ...lease };
    return lot < 0.85 ? { type: 'get', name, id } : { type: 'list', name };
  };
}
