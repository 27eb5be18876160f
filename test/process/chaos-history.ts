import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { judge } from '../linearizability/judge.ts';
import { registryModel, type SpontaneousChanges } from '../linearizability/models/registry.ts';
import type { RegistryInput, RegistryOutput, SeenRecord } from '../linearizability/models/registry-operations.ts';
import type { HistoryRecorder } from '../linearizability/recorder.ts';
import { describeJudgement } from '../linearizability/timeline.ts';
import { type CallOptions, call, type RestAnswer, registration } from './rest.ts';

export type RegistryRecorder = HistoryRecorder<RegistryInput, RegistryOutput>;

const options: CallOptions = { timeoutMs: 4_000 };

/** One client's calls over REST, each written into the history that is judged at the end. */
export class RecordedCalls {
  readonly #recorder: RegistryRecorder;
  readonly #process: string;

  constructor(recorder: RegistryRecorder, process: string) {
    this.#recorder = recorder;
    this.#process = process;
  }

  /** @param version another one each time, so that a read tells which registration it saw */
  register(url: string, name: string, id: string, version: string): Promise<RestAnswer> {
    return this.#record({ type: 'register', name, id, version }, () =>
      call(url, 'POST', '/v1/services', registration(name, id, { version }), options),
    );
  }

  heartbeat(url: string, name: string, id: string, leaseId?: number): Promise<RestAnswer> {
    return this.#record({ type: 'heartbeat', name, id, ...(leaseId === undefined ? {} : { leaseId }) }, () =>
      call(url, 'PUT', `/v1/services/${name}/${id}/heartbeat`, leaseBody(leaseId), options),
    );
  }

  deregister(url: string, name: string, id: string, leaseId?: number): Promise<RestAnswer> {
    return this.#record({ type: 'deregister', name, id, ...(leaseId === undefined ? {} : { leaseId }) }, () =>
      call(url, 'DELETE', `/v1/services/${name}/${id}`, leaseBody(leaseId), options),
    );
  }

  get(url: string, name: string, id: string): Promise<RestAnswer> {
    return this.#record({ type: 'get', name, id }, () =>
      call(url, 'GET', `/v1/services/${name}/${id}`, undefined, options),
    );
  }

  list(url: string, name: string): Promise<RestAnswer> {
    return this.#record({ type: 'list', name }, () =>
      call(url, 'GET', `/v1/services/${name}/instances`, undefined, options),
    );
  }

  async #record(input: RegistryInput, send: () => Promise<RestAnswer>): Promise<RestAnswer> {
    const pending = this.#recorder.call(this.#process, input);
    let answer: RestAnswer;
    try {
      answer = await send();
    } catch (error) {
      // Nobody was there to take it: nothing was sent. Any other end may have come after the request was read.
      if (isRefusedConnection(error)) pending.failed();
      else pending.unknown();
      throw error;
    }
    const result = resultOf(input, answer);
    if (result) pending.returned(result);
    // The contract: a 503 did certainly not happen. Were that untrue, the judge would see an effect without a cause.
    else if (answer.status === 503) pending.failed();
    else pending.unknown();
    return answer;
  }
}

function isRefusedConnection(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
}

function leaseBody(leaseId: number | undefined) {
  return leaseId === undefined ? undefined : { lease_id: leaseId };
}

/** What an answer says in the model's words; `null` where it says nothing about the instance. */
function resultOf(input: RegistryInput, { status, headers, body }: RestAnswer): RegistryOutput | null {
  const revision = Number(headers['x-manifest-index'] ?? Number.NaN);
  const shown = Number.isSafeInteger(revision) ? { revision } : {};
  switch (input.type) {
    case 'register':
      if (status !== 201 && status !== 200) return null;
      return { type: 'registered', leaseId: body.lease_id, created: status === 201, revision: body.revision };
    case 'get':
      if (status === 404) return { type: 'absent', ...shown };
      return status === 200 ? { type: 'record', record: recordOf(body), ...shown } : null;
    case 'list':
      return status === 200 ? { type: 'records', records: body.map(recordOf), ...shown } : null;
    default:
      if (status === 204) return { type: 'ok' };
      if (status === 404) return { type: 'not_found' };
      if (status === 409) return { type: 'lease_mismatch' };
      return status === 410 ? { type: 'gone', cause: body.details.cause } : null;
  }
}

function recordOf(body: RestAnswer['body']): SeenRecord {
  const { id, version, lease_id: leaseId, status, revision } = body;
  return { id, version, leaseId, status, revision };
}

/** What a judged history had in it, for those who print and for those who ask whether it was enough. */
export interface JudgedTraffic {
  readonly operations: number;
  readonly unknownOutcomes: number;
  readonly keys: number;
}

/**
 * The history has an order, certainly. One that has none, and one that could not be decided, is kept as a file for
 * `npm run judge`.
 */
export function expectLinearizable(recorder: RegistryRecorder, changes: Partial<SpontaneousChanges>): JudgedTraffic {
  const model = registryModel(changes);
  const judgement = judge(recorder.history(), model);
  const { verdict, operations, unknownOutcomes, keys } = judgement;
  let report = describeJudgement(judgement, model);
  if (verdict !== 'linearizable') {
    const file = join(mkdtempSync(join(tmpdir(), 'manifest-history-')), 'history.jsonl');
    recorder.writeTo(file, model.name, changes);
    report += `the history is in ${file}\n`;
  }
  console.log(report);
  expect(verdict, report).toBe('linearizable');
  return { operations, unknownOutcomes, keys };
}
