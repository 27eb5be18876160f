import type { RegistryInput, RegistryOutput } from '../linearizability/models/registry-operations.ts';

/** What a client knows after one request. */
export type Outcome =
  | {
      readonly type: 'answered';
      readonly output: RegistryOutput;
      /** How often the request was sent before the one that was answered: each copy may have taken effect, or still will. */
      readonly copies: number;
    }
  /** It may or may not have happened, and may still happen; the copies that were sent before it likewise. */
  | { readonly type: 'unknown'; readonly reason: string; readonly copies: number }
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

/** Copies of one request that a client may send besides the one that is answered. */
export const copiesMax = 2;

/** Whether a reader may find another instance after it than before: a heartbeat changes a status alone. */
export function changesWhatIsListed({ type }: RegistryInput): boolean {
  return type === 'register' || type === 'deregister';
}

export function isWrite({ type }: RegistryInput): boolean {
  return type === 'register' || type === 'heartbeat' || type === 'deregister';
}
