import { setTimeout as delay } from 'node:timers/promises';
import type { InstanceRecord } from '../registry/records.ts';
import { CommandError, exitCodes } from './exit-codes.ts';
import { recordsIn } from './records.ts';
import { ask, type Connection } from './registry-client.ts';

export interface Wish {
  readonly name: string;
  readonly conditions: URLSearchParams;
  /** Instances that must be up. */
  readonly count: number;
}

export interface WaitedFor {
  readonly name: string;
  readonly isUp: boolean;
  /** As they were last seen. */
  readonly instances: readonly InstanceRecord[];
  /** Why nobody could tell, the last time; `null` where somebody could. */
  readonly trouble: string | null;
}

/** A member holds an answer for so long; then it is asked again. */
const holdSeconds = 25;

const firstPauseMs = 100;
const lastPauseMs = 2_000;

/**
 * Waits until so many instances of a service are up, or until `deadline`. Members hold the answer until something
 * changes, so nothing is asked over and over; one that cannot be reached is waited for, too.
 * @throws CommandError when the registry refuses
 */
export async function untilUp(connection: Connection, wish: Wish, deadline: AbortSignal): Promise<WaitedFor> {
  const { name, conditions, count } = wish;
  let seen: WaitedFor = { name, isUp: false, instances: [], trouble: 'nobody has answered yet' };
  let revision: string | null = null;
  let pauseMs = firstPauseMs;
  while (!deadline.aborted) {
    const query = new URLSearchParams(conditions);
    if (revision !== null) {
      query.set('index', revision);
      query.set('wait', `${holdSeconds}s`);
    }
    const timeoutMs = connection.timeoutMs + (revision === null ? 0 : holdSeconds * 1_000);
    const path = `/v1/services/${encodeURIComponent(name)}/instances?${query}`;
    try {
      const { body, headers } = await ask(
        { ...connection, timeoutMs },
        { method: 'GET', path, repeatable: true, signal: deadline },
      );
      const instances = recordsIn(body);
      seen = {
        name,
        instances,
        trouble: null,
        isUp: instances.filter(({ status }) => status === 'up').length >= count,
      };
      if (seen.isUp) return seen;
      pauseMs = firstPauseMs;
      const index = headers['x-manifest-index'];
      revision = typeof index === 'string' ? index : null;
      if (revision !== null) continue;
    } catch (error) {
      if (!(error instanceof CommandError) || error.exitCode !== exitCodes.unavailable) throw error;
      if (deadline.aborted) break;
      // Another member may be asked next, which need not know this revision yet.
      revision = null;
      seen = { ...seen, trouble: error.message };
    }
    await delay(pauseMs, undefined, { signal: deadline }).catch(() => undefined);
    pauseMs = Math.min(lastPauseMs, pauseMs * 2);
  }
  return seen;
}
