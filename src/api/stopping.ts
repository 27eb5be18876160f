import { RegistryError } from '../registry/errors.ts';

/** Ends what has no end of its own when this member stops, so that its client goes on elsewhere. */
export function stopping(): RegistryError {
  return new RegistryError('service_unavailable', 'This member stops. Go on at another one.', { retryAfterSeconds: 1 });
}
