import { describe, expect, test } from 'vitest';
import { PrometheusMetrics } from '../../src/api/metrics.ts';
import { SuccessWindow } from '../../src/api/success-window.ts';
import { RegistryError } from '../../src/registry/errors.ts';
import { FakeRegistry } from './fake-registry.ts';

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const labelPattern = /([a-zA-Z_][\w]*)="((?:[^"\\\n]|\\["\\n])*)"/y;

/** Reads the text format of Prometheus, version 0.0.4, and fails on what is not in it. */
function parse(text: string): { readonly types: ReadonlyMap<string, string>; readonly samples: readonly Sample[] } {
  expect(text.endsWith('\n')).toBe(true);
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/.exec(line);
    if (comment) {
      const [, kind, name = '', rest = ''] = comment;
      if (kind === 'TYPE') {
        expect(types.has(name), `${name} is declared twice`).toBe(false);
        types.set(name, rest);
      }
      continue;
    }
    const [, name = '', inBraces = '', value = ''] =
      /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (NaN|[+-]Inf|[-+]?[\d.]+(?:e[-+]?\d+)?)$/.exec(line) ?? [];
    expect(name, `not a line of metrics: ${line}`).not.toBe('');
    const family = types.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '');
    expect(types.has(family), `${name} has no type`).toBe(true);
    samples.push({ name, labels: labelsOf(inBraces), value: Number(value.replace('Inf', 'Infinity')) });
  }
  return { types, samples };
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (let position = 0; position < text.length; position = labelPattern.lastIndex + 1) {
    labelPattern.lastIndex = position;
    const [, name = '', value = ''] = labelPattern.exec(text) ?? [];
    expect(name, `not labels: ${text}`).not.toBe('');
    labels[name] = value;
  }
  return labels;
}

describe('the metrics', () => {
  test('are in the format of Prometheus, each with its type, and have what the contract names', async () => {
    const metrics = new PrometheusMetrics();
    metrics.watchServices(new FakeRegistry());
    metrics.watchMember(() => ({ raft_term: 4, raft_commit_index: 12, raft_applied_index: 11 }));
    metrics.httpAnswered('/v1/services/:name', 'GET', 200, 0.003);
    metrics.httpAnswered('odd "path"\\\n', 'GET', 404, 0.003);
    metrics.grpcAnswered('Register', 3);
    metrics.heartbeatAnswered(3, 1);
    metrics.writeCompleted(2, 5, 700);
    metrics.eventLoopDelay(1);
    metrics.expired('removed', 2);
    metrics.electionStarted();
    metrics.leaderChanged();
    metrics.snapshotTaken(20);
    metrics.forwarded(7);
    expect(metrics.contentType).toBe('text/plain; version=0.0.4; charset=utf-8');

    const { types, samples } = parse(await metrics.render());
    expect(Object.fromEntries(types)).toEqual({
      manifest_services_total: 'gauge',
      manifest_http_requests_total: 'counter',
      manifest_http_request_duration_seconds: 'histogram',
      manifest_grpc_requests_total: 'counter',
      manifest_heartbeat_success_rate: 'gauge',
      manifest_raft_term: 'gauge',
      manifest_raft_commit_index: 'gauge',
      manifest_raft_applied_index: 'gauge',
      manifest_storage_write_duration_seconds: 'histogram',
      manifest_storage_write_entries: 'histogram',
      manifest_storage_write_bytes: 'histogram',
      manifest_event_loop_delay_seconds: 'histogram',
      manifest_expiries_total: 'counter',
      manifest_elections_total: 'counter',
      manifest_leader_changes_total: 'counter',
      manifest_snapshot_duration_seconds: 'histogram',
      manifest_forwarded_commands_total: 'counter',
    });
    const shown = (name: string, labels: Sample['labels'] = {}) =>
      samples.find((sample) => sample.name === name && JSON.stringify(sample.labels) === JSON.stringify(labels))?.value;
    expect(
      shown('manifest_http_requests_total', { endpoint: '/v1/services/:name', method: 'GET', status: '200' }),
    ).toBe(1);
    expect(
      shown('manifest_http_requests_total', { endpoint: 'odd \\"path\\"\\\\\\n', method: 'GET', status: '404' }),
    ).toBe(1);
    expect(shown('manifest_heartbeat_success_rate')).toBe(0.75);
    expect(shown('manifest_raft_applied_index')).toBe(11);
    expect(shown('manifest_storage_write_bytes_sum')).toBe(700);
    expect(shown('manifest_storage_write_duration_seconds_sum')).toBe(0.002);
    expect(shown('manifest_expiries_total', { to: 'removed' })).toBe(2);
    expect(shown('manifest_forwarded_commands_total')).toBe(7);
  });

  test('are told without the services when no member can say how many there are', async () => {
    const metrics = new PrometheusMetrics();
    metrics.watchServices({
      health: () => Promise.reject(new RegistryError('service_unavailable', 'Nobody answers.')),
      status: () => Promise.reject(new Error('not asked')),
    });
    const { samples } = parse(await metrics.render());
    expect(samples.filter(({ name }) => name === 'manifest_services_total')).toEqual([]);
    expect(samples.length).toBeGreaterThan(0);
  });
});

describe('the share of heartbeats that succeed', () => {
  test('is that of the last minute, and 1 when there were none', () => {
    let nowMs = 0;
    const window = new SuccessWindow(() => nowMs);
    expect(window.share()).toBe(1);
    window.add(1, 3);
    nowMs = 30_000;
    window.add(4, 0);
    expect(window.share()).toBe(5 / 8);
    nowMs = 62_000;
    expect(window.share()).toBe(1);
    window.add(0, 1);
    expect(window.share()).toBe(4 / 5);
    nowMs = 1_000_000;
    expect(window.share()).toBe(1);
  });
});
