import { describe, expect, test } from 'vitest';
import { latencyOf, median, percentile } from '../../scripts/bench/percentiles.ts';
import { cpuSecondsOf, endedChildrenCpuSeconds, residentBytesOf } from '../../scripts/bench/process-usage.ts';
import { sharesOf } from '../../scripts/bench/report/profile.ts';
import { samplesOf, sumOf } from '../../scripts/bench/systems/exposition.ts';

describe('percentiles', () => {
  const hundred = Float64Array.from({ length: 100 }, (_, i) => i + 1);

  test('are values that occurred, by nearest rank', () => {
    expect([0.01, 0.5, 0.99, 0.999, 1].map((share) => percentile(hundred, share))).toEqual([1, 50, 99, 100, 100]);
    expect(percentile([7], 0.5)).toBe(7);
    expect(() => percentile([], 0.5)).toThrow(RangeError);
  });

  test('are taken of latencies in any order, which stay as they were', () => {
    const shuffled = hundred.slice().reverse();
    expect(latencyOf(shuffled)).toEqual({ p50: 50, p99: 99, p999: 100, worst: 100 });
    expect(shuffled[0]).toBe(100);
  });

  test('have the mean of the two in the middle as the median of an even number', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([10, 20])).toBe(15);
    expect(median([5])).toBe(5);
  });
});

test('samples of the Prometheus format are found by their whole name, with labels and without', () => {
  const text = [
    '# TYPE grpc_server_handled_total counter',
    'grpc_server_handled_total{grpc_code="OK",grpc_method="Put"} 12',
    'grpc_server_handled_total{grpc_code="Unavailable",grpc_method="Put"} 3',
    'grpc_server_handled_total_other 99',
    'up 1e3',
  ].join('\n');
  const handled = samplesOf(text, 'grpc_server_handled_total');
  expect(handled.map(({ labels, value }) => [labels.grpc_code, value])).toEqual([
    ['OK', 12],
    ['Unavailable', 3],
  ]);
  expect(sumOf(handled)).toBe(15);
  expect(samplesOf(text, 'up')).toEqual([{ name: 'up', labels: {}, value: 1_000 }]);
});

test('CPU time and memory of a process are those that it says of itself', () => {
  // Long enough that hundredths of a second show.
  const untilMs = performance.now() + 300;
  while (performance.now() < untilMs) Math.sqrt(performance.now());
  const own = process.cpuUsage();
  expect(Math.abs(cpuSecondsOf([process.pid]) - (own.user + own.system) / 1e6)).toBeLessThan(0.1);
  expect(endedChildrenCpuSeconds()).toBeGreaterThanOrEqual(0);
  const resident = residentBytesOf(process.pid);
  expect(resident / process.memoryUsage.rss()).toBeGreaterThan(0.5);
  expect(resident / process.memoryUsage.rss()).toBeLessThan(2);
});

test('a profile shows where the busy time went, by package, by folder of this project and by function', () => {
  const frame = (id: number, functionName: string, url: string) => ({
    id,
    callFrame: { functionName, url, lineNumber: 9 },
  });
  const { parts, functions } = sharesOf([
    {
      nodes: [
        frame(1, '(idle)', ''),
        frame(2, 'step', 'file:///a/dist/raft/raft.js'),
        frame(3, 'send', 'file:///a/node_modules/x/node_modules/@grpc/grpc-js/build/call.js'),
        frame(4, '(garbage collector)', ''),
        frame(5, 'onread', 'node:internal/http2/core'),
      ],
      samples: [1, 2, 3, 4, 5, 2],
      timeDeltas: [1_000, 10, 20, 30, 20, 20],
    },
  ]);
  expect(parts).toEqual([
    { what: 'this project: raft', share: 0.3 },
    { what: '(garbage collector)', share: 0.3 },
    { what: '@grpc/grpc-js', share: 0.2 },
    { what: 'node:http2', share: 0.2 },
  ]);
  expect(functions[0]).toEqual({ what: 'step raft/raft.js:10', share: 0.3 });
});
