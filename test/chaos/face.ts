import type { RegistryInput, RegistryOutput } from '../linearizability/models/registry-operations.ts';

/** What a client knows after one request. */
export type Outcome =
  | {
      readonly type: 'answered';
      readonly output: RegistryOutput;
      /** The request may have been sent more than once: an earlier copy may have taken effect, too, or still will. */
      readonly isMaybeRepeated: boolean;
    }
  /** It may or may not have happened, and may still happen. */
  | { readonly type: 'unknown'; readonly reason: string }
  /** It certainly did not happen and will not. */
  | { readonly type: 'refused'; readonly reason: string }
  /** An answer that is never right for what was asked. */
  | { readonly type: 'wrong'; readonly reason: string };

/** One way to ask the registry, such as REST. */
export interface Face {
  readonly kind: string;
  /** Never rejects. @param member position of the one to ask */
  perform(input: RegistryInput, member: number): Promise<Outcome>;
  close(): void;
}

/** For a client's single request: longer than a healthy cluster ever takes, short enough to go on elsewhere soon. */
export const requestTimeoutMs = 3_000;

export function isWrite({ type }: RegistryInput): boolean {
  return type === 'register' || type === 'heartbeat' || type === 'deregister';
}
