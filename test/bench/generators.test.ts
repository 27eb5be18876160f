import { describe, expect, test } from 'vitest';
import { parseH2load } from '../../scripts/bench/load/h2load.ts';
import { fill, fillText, templateOf } from '../../scripts/bench/load/template.ts';
import { luaPlan, parseWrk } from '../../scripts/bench/load/wrk.ts';

const wrkResult = {
  requests: 1_000,
  microseconds: 2_000_000,
  ...{ p50: 1_500, p99: 9_000, p999: 12_000, worst: 20_000 },
  ...{ connect: 0, read: 0, write: 0, status: 0, timeout: 0 },
};
const wrkOutput = (changed: object = {}) =>
  `Running 2s test @ http://127.0.0.1:1\nRESULT ${JSON.stringify({ ...wrkResult, ...changed })}\n`;

describe('the answer of wrk', () => {
  test('gives operations, time and latencies in milliseconds', () => {
    expect(parseWrk(wrkOutput(), 0.25)).toEqual({
      generator: 'wrk',
      operations: 1_000,
      failures: 0,
      firstFailure: null,
      seconds: 2,
      latencyMs: { p50: 1.5, p99: 9, p999: 12, worst: 20 },
      generatorCpuSeconds: 0.25,
    });
  });

  test('counts answers with an error status, and broken connections, as failures and not as operations', () => {
    const { operations, failures, firstFailure } = parseWrk(wrkOutput({ status: 10, read: 2 }), 0);
    expect({ operations, failures }).toEqual({ operations: 990, failures: 12 });
    expect(firstFailure).toBe('read errors: 2, status errors: 10');
  });

  test('is refused when there is no result, or a part of it is missing', () => {
    expect(() => parseWrk('unable to connect', 0)).toThrow('unable to connect');
    expect(() => parseWrk(wrkOutput({ timeout: undefined }), 0)).toThrow('no timeout');
  });
});

test('the plan for wrk is cut where digits go, and keeps every byte of the request', () => {
  const plan = luaPlan(
    {
      targets: ['127.0.0.1:8500', '127.0.0.1:8510'],
      request: { kind: 'rest', method: 'POST', path: '/v1/services', body: '{"id":"bench-##"}' },
      inFlight: 2,
      durationMs: 1_000,
      numbers: { first: 7, count: 100 },
    },
    2,
  );
  const pieces = [...plan.matchAll(/text = "([^"]*)", digits = (\d)/g)].map(([, text = '', digits]) => ({
    text: Buffer.from([...text.matchAll(/\\(\d{3})/g)].map(([, byte]) => Number(byte))).toString(),
    digits: Number(digits),
  }));
  expect(pieces).toEqual([
    {
      text: 'POST /v1/services HTTP/1.1\r\nHost: %HOST%\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n{"id":"bench-',
      digits: 2,
    },
    { text: '"}', digits: 0 },
  ]);
  expect(plan).toContain('first = 7, count = 100, threads = 2');
});

const h2loadOutput = `starting benchmark...
finished in 500ms, 100.0 req/s, 10KB/s
requests: 120 total, 130 started, 120 done, 117 succeeded, 1 failed, 1 errored, 1 timeout
status codes: 117 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 10.0KB (10240) total, 1.0KB (1024) headers (space savings 90.00%), 5.0KB (5120) data
`;

describe('the answer of h2load', () => {
  test('gives counts, bytes of the bodies, and the time of each request', () => {
    const part = parseH2load(h2loadOutput, '1700000000000000\t200\t1500\n1700000000000010\t200\t2500\n');
    expect(part).toMatchObject({ answered: 117, failed: 3, dataBytes: 5_120, seconds: 0.5 });
    expect([...part.latenciesMs]).toEqual([1.5, 2.5]);
  });

  test('is refused when it is not as expected', () => {
    expect(() => parseH2load('could not connect to host', '')).toThrow('could not connect to host');
  });
});

describe('a template', () => {
  const bytes = (text: string) => Buffer.from(text);

  test('is filled with the lowest digits of the number, in each place as many as there is room for', () => {
    const template = templateOf(bytes('/s-##/i-####'));
    const target = Buffer.alloc(14, '.');
    fill(template, 12_345, target, 1);
    expect(target.toString()).toBe('./s-45/i-2345.');
    expect(fillText('/s-##/i-####', 12_345)).toBe('/s-45/i-2345');
  });

  test('gives every number a request of its own, the same in bytes and in text', () => {
    const template = templateOf(bytes('a-###'));
    const filled = Array.from({ length: 1_000 }, (_, number) => {
      const target = Buffer.alloc(5);
      fill(template, number, target);
      expect(fillText('a-###', number)).toBe(target.toString());
      return target.toString();
    });
    expect(new Set(filled).size).toBe(1_000);
  });

  test('leaves alone what stands before the place where the first may be', () => {
    const target = Buffer.alloc(4);
    fill(templateOf(bytes('#a##'), 1), 42, target);
    expect(target.toString()).toBe('#a42');
  });
});
