import type { OptionName, OptionValues } from './option-table.ts';

/** Values that are fine alone and impossible together. */
export interface OptionRule {
  readonly involves: readonly OptionName[];
  readonly holds: (values: OptionValues) => boolean;
  /** What must be, and why. */
  readonly reason: string;
}

export const optionRules: readonly OptionRule[] = [
  {
    involves: ['peers', 'node-id'],
    holds: (values) => values.peers.size === 0 || values.peers.has(values['node-id']),
    reason: 'the peers must name this member too, by its node-id',
  },
  {
    involves: ['rest-port', 'grpc-port'],
    holds: (values) => values['rest-port'] !== values['grpc-port'],
    reason: 'REST and gRPC need different ports',
  },
  {
    involves: ['rest-port', 'peer-port'],
    holds: (values) => values['rest-port'] !== values['peer-port'],
    reason: 'REST and the other members need different ports',
  },
  {
    involves: ['grpc-port', 'peer-port'],
    holds: (values) => values['grpc-port'] !== values['peer-port'],
    reason: 'gRPC for clients and the other members need different ports',
  },
  {
    involves: ['auth-token', 'auth-token-file'],
    holds: (values) => values['auth-token'] === null || values['auth-token-file'] === '',
    reason: 'give the token itself or a file with it, not both',
  },
  {
    involves: ['heartbeat-interval', 'unhealthy-after'],
    holds: (values) => values['heartbeat-interval'] < values['unhealthy-after'],
    reason: 'heartbeat-interval must be less than unhealthy-after, or instances turn unhealthy between two heartbeats',
  },
  {
    involves: ['unhealthy-after', 'remove-after'],
    holds: (values) => values['unhealthy-after'] < values['remove-after'],
    reason: 'unhealthy-after must be less than remove-after, or instances are removed before they are unhealthy',
  },
  {
    involves: ['ttl-min', 'ttl-max'],
    holds: (values) => values['ttl-min'] <= values['ttl-max'],
    reason: 'ttl-min must not be greater than ttl-max, or no lease time is allowed',
  },
  {
    involves: ['ttl-min', 'heartbeat-interval'],
    holds: (values) => values['ttl-min'] <= values['heartbeat-interval'],
    reason: 'ttl-min must not be greater than heartbeat-interval, or the default lease is itself not allowed',
  },
  {
    involves: ['ttl-max', 'remove-after'],
    holds: (values) => values['remove-after'] <= values['ttl-max'],
    reason: 'ttl-max must not be less than remove-after, or the default lease is itself not allowed',
  },
  {
    involves: ['tick-ms', 'raft-heartbeat-ms'],
    holds: (values) => values['raft-heartbeat-ms'] % values['tick-ms'] === 0,
    reason: 'raft-heartbeat-ms must be a multiple of tick-ms, as timers move in ticks',
  },
  {
    involves: ['tick-ms', 'election-timeout-ms'],
    holds: (values) => values['election-timeout-ms'] % values['tick-ms'] === 0,
    reason: 'election-timeout-ms must be a multiple of tick-ms, as timers move in ticks',
  },
  {
    involves: ['raft-heartbeat-ms', 'election-timeout-ms'],
    holds: (values) => values['election-timeout-ms'] >= 3 * values['raft-heartbeat-ms'],
    reason:
      'election-timeout-ms must be at least three times raft-heartbeat-ms, or one lost message unseats the leader',
  },
  {
    involves: ['leader-wait-ms', 'request-timeout-ms'],
    holds: (values) => values['leader-wait-ms'] <= values['request-timeout-ms'],
    reason: 'leader-wait-ms must not be greater than request-timeout-ms, or requests fail before the wait is over',
  },
];
