import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { OptionsError, readOptions } from '../../src/config/options.ts';

const directory = mkdtempSync(join(tmpdir(), 'manifest-options-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let fileCount = 0;

function fileWith(content: string): string {
  const file = join(directory, `options-${fileCount++}.json`);
  writeFileSync(file, content);
  return file;
}

interface Given {
  readonly flags?: Record<string, string>;
  readonly environment?: Record<string, string>;
  readonly file?: unknown;
}

function read({ flags = {}, environment = {}, file }: Given) {
  const configFile = file === undefined ? undefined : fileWith(JSON.stringify(file));
  return readOptions({ flags, environment, configFile });
}

function problemsOf(given: Given | (() => unknown)): readonly string[] {
  try {
    if (typeof given === 'function') given();
    else read(given);
  } catch (error) {
    if (error instanceof OptionsError) return error.problems;
    throw error;
  }
  return [];
}

describe('the options of a member', () => {
  it('need not be given: a member alone on loopback is the default', () => {
    expect(read({})).toMatchObject({
      nodeId: 'node-1',
      clusterId: 'manifest',
      peers: new Map([['node-1', '127.0.0.1:8503']]),
      storage: 'level',
      restAddress: 'http://127.0.0.1:8500',
      grpcAddress: '127.0.0.1:8502',
      authToken: null,
      heartbeatIntervalSeconds: 10,
      unhealthyAfterSeconds: 30,
      removeAfterSeconds: 60,
      tickMs: 50,
      raftHeartbeatMs: 100,
      electionTimeoutMs: 500,
      snapshotEveryBytes: 64 * 1024 * 1024,
      requestTimeoutMs: 5_000,
      leaderWaitMs: 1_500,
    });
  });

  it('take a flag before a variable, a variable before the file, the file before the default', () => {
    const file = { 'rest-port': 1001, 'grpc-port': 1002, 'peer-port': 1003 };
    const environment = { MANIFEST_REST_PORT: '2001', MANIFEST_GRPC_PORT: '2002' };
    expect(read({ file, environment, flags: { 'rest-port': '3001' } })).toMatchObject({
      restPort: 3001,
      grpcPort: 2002,
      peerPort: 1003,
      host: '127.0.0.1',
    });
  });

  it('come from the file that MANIFEST_CONFIG names, unless a flag names another', () => {
    const [one, other] = [fileWith('{"node-id": "one"}'), fileWith('{"node-id": "other"}')];
    const environment = { MANIFEST_CONFIG: one };
    expect(readOptions({ flags: {}, environment }).nodeId).toBe('one');
    expect(readOptions({ flags: {}, environment, configFile: other }).nodeId).toBe('other');
  });

  it('take numbers and truth values from a file as JSON has them', () => {
    expect(read({ file: { 'unhealthy-after': 12.5, 'validate-dependencies': true } })).toMatchObject({
      unhealthyAfterSeconds: 12.5,
      validateDependencies: true,
    });
  });

  it('take an empty variable for one that is not given', () => {
    expect(
      read({ environment: { MANIFEST_AUTH_TOKEN: '', MANIFEST_REST_PORT: ' ', MANIFEST_CONFIG: '' } }),
    ).toMatchObject({
      authToken: null,
      restPort: 8500,
    });
  });

  it.each([
    ['true', true],
    ['1', true],
    ['YES', true],
    ['false', false],
    ['0', false],
    ['no', false],
  ])('read the truth value %s as %s', (text, value) => {
    expect(read({ environment: { MANIFEST_VALIDATE_DEPENDENCIES: text } }).validateDependencies).toBe(value);
  });

  it('advertise localhost when listening on every interface, and brackets around an IPv6 address', () => {
    expect(read({ flags: { host: '0.0.0.0' } })).toMatchObject({
      restAddress: 'http://localhost:8500',
      grpcAddress: 'localhost:8502',
    });
    expect(read({ flags: { host: '::1' } })).toMatchObject({
      restAddress: 'http://[::1]:8500',
      peers: new Map([['node-1', '[::1]:8503']]),
    });
  });

  it('keep the peers as a map, with spaces around the commas forgiven', () => {
    const peers = 'node-1=10.0.0.1:8503, node-2=host.example:8503 ,node-3=[fd00::3]:8503,';
    expect([...read({ flags: { peers } }).peers]).toEqual([
      ['node-1', '10.0.0.1:8503'],
      ['node-2', 'host.example:8503'],
      ['node-3', '[fd00::3]:8503'],
    ]);
  });

  it('take the token from a file, without its line end', () => {
    expect(read({ flags: { 'auth-token-file': fileWith('s3cret\n') } }).authToken).toBe('s3cret');
  });
});

describe('a name that is not an option', () => {
  it.each<[string, Given, string]>([
    [
      'in a variable',
      { environment: { MANIFEST_REST_PRT: '1' } },
      'MANIFEST_REST_PRT: there is no such option; did you mean MANIFEST_REST_PORT?',
    ],
    ['in the file', { file: { 'data-dri': 'x' } }, 'there is no such option; did you mean data-dir?'],
    ['like nothing known', { environment: { MANIFEST_COFFEE_MACHINE_TEMPERATURE: '1' } }, 'serve --help'],
  ])('is refused %s, with the nearest one', (_where, given, message) => {
    const problems = problemsOf(given);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(message);
  });

  it('is no mistake where it belongs to clients or to the gateway', () => {
    expect(problemsOf({ environment: { MANIFEST_URL: 'http://x', MANIFEST_ENDPOINTS: 'a:1' } })).toEqual([]);
  });

  it('is no mistake where Kubernetes put it there for a Service called manifest', () => {
    const environment = {
      MANIFEST_SERVICE_HOST: '10.96.0.7',
      MANIFEST_SERVICE_PORT: '8500',
      MANIFEST_SERVICE_PORT_REST: '8500',
      MANIFEST_PORT: 'tcp://10.96.0.7:8500',
      MANIFEST_PORT_8500_TCP: 'tcp://10.96.0.7:8500',
      MANIFEST_PORT_8500_TCP_ADDR: '10.96.0.7',
      MANIFEST_HEADLESS_SERVICE_HOST: '10.96.0.8',
    };
    expect(problemsOf({ environment })).toEqual([]);
  });

  it('is a mistake where it only resembles one of those', () => {
    expect(problemsOf({ environment: { MANIFEST_PORT: '8500' } })).toHaveLength(1);
  });
});

describe('a value that cannot be', () => {
  it.each<[string, Given, string]>([
    ['a port of 0', { flags: { 'rest-port': '0' } }, '--rest-port "0": must be a port number from 1 to 65535'],
    [
      'a port beyond the last',
      { environment: { MANIFEST_GRPC_PORT: '65536' } },
      'MANIFEST_GRPC_PORT="65536": must be a port number',
    ],
    ['a hexadecimal port', { flags: { 'peer-port': '0x10' } }, 'must be a port number'],
    ['a word for a number', { file: { 'unhealthy-after': 'soon' } }, '"unhealthy-after": "soon" in '],
    ['a lease time too short', { flags: { 'heartbeat-interval': '0.01' } }, 'must be a number of seconds from 0.05'],
    ['a fraction of a millisecond', { flags: { 'tick-ms': '2.5' } }, 'must be a whole number of milliseconds'],
    ['a number of no end', { flags: { 'keep-entries': 'Infinity' } }, 'must be a whole number of log entries'],
    ['a name with a space', { flags: { 'node-id': 'node 1' } }, 'such as "node-1"'],
    ['an unknown store', { flags: { storage: 'redis' } }, 'must be one of level, memory'],
    ['an unknown log level', { flags: { 'log-level': 'loud' } }, 'must be one of trace, debug, info, warn'],
    ['perhaps', { flags: { 'validate-dependencies': 'perhaps' } }, 'must be true or false'],
    [
      'an empty data directory',
      { flags: { 'data-dir': '' } },
      'must not be empty; give a value such as .manifest/data',
    ],
    ['a host with a port', { flags: { host: '10.0.0.1:80' } }, 'must not carry a port'],
    [
      'a REST address that is no URL',
      { flags: { 'rest-address': 'host:8500' } },
      'must be a URL that begins with http',
    ],
    ['a gRPC address that is a URL', { flags: { 'grpc-address': 'http://h:1' } }, 'must be HOST:PORT'],
    ['a token with a space', { flags: { 'auth-token': 'two words' } }, 'printable ASCII characters without spaces'],
    ['null in the file', { file: { 'node-id': null } }, 'must be a string, a number, true or false'],
    ['a peer without an address', { flags: { peers: 'node-1' } }, 'must be like "node-1=host-1:8503'],
    ['a peer with an impossible port', { flags: { peers: 'node-1=h:99999' } }, 'which "node-1=h:99999" is not'],
    ['one peer twice', { flags: { peers: 'node-1=a:1,node-1=b:1' } }, 'names node-1 twice'],
    ['one address twice', { flags: { peers: 'node-1=a:1,node-2=a:1' } }, 'the same address, a:1'],
  ])('such as %s is refused, in the form in which it was given', (_what, given, message) => {
    const problems = problemsOf(given);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(message);
  });

  it('is shortened when it is long', () => {
    const [problem = ''] = problemsOf({ flags: { 'node-id': '_'.repeat(5_000) } });
    expect(problem.length).toBeLessThan(200);
  });

  it('is reported together with every other mistake', () => {
    const problems = problemsOf({
      flags: { 'rest-port': 'x', peers: 'node-1,node-2', 'unhealthy-after': '70' },
      environment: { MANIFEST_NONSENSE_HERE_TOO: '1' },
      file: { storage: 'tape' },
    });
    expect(problems).toHaveLength(6);
    for (const name of ['rest-port', 'peers', 'unhealthy-after', 'MANIFEST_NONSENSE', 'storage']) {
      expect(problems.join('\n')).toContain(name);
    }
  });
});

describe('values that are impossible together', () => {
  const milliseconds = (tick: string, heartbeat: string, election: string): Given => ({
    flags: { 'tick-ms': tick, 'raft-heartbeat-ms': heartbeat, 'election-timeout-ms': election },
  });

  it.each<[string, Given, string]>([
    ['REST and gRPC on one port', { flags: { 'rest-port': '8502' } }, 'REST and gRPC need different ports'],
    [
      'REST and peers on one port',
      { flags: { 'rest-port': '8503' } },
      'REST and the other members need different ports',
    ],
    ['gRPC and peers on one port', { flags: { 'grpc-port': '8503' } }, 'gRPC for clients and the other members'],
    ['an interval as long as unhealthy-after', { flags: { 'heartbeat-interval': '30' } }, 'between two heartbeats'],
    ['unhealthy only when removed', { flags: { 'unhealthy-after': '60' } }, 'before they are unhealthy'],
    [
      'bounds that cross',
      { flags: { 'ttl-min': '2', 'ttl-max': '1', 'remove-after': '60' } },
      'no lease time is allowed',
    ],
    [
      'a default interval below the bounds',
      { flags: { 'heartbeat-interval': '0.5' } },
      'ttl-min must not be greater than heartbeat-interval',
    ],
    [
      'a default removal above the bounds',
      { flags: { 'ttl-max': '59' } },
      'ttl-max must not be less than remove-after',
    ],
    [
      'a heartbeat between two ticks',
      milliseconds('40', '100', '400'),
      'raft-heartbeat-ms must be a multiple of tick-ms',
    ],
    [
      'an election timeout between two ticks',
      milliseconds('50', '100', '510'),
      'election-timeout-ms must be a multiple',
    ],
    [
      'a heartbeat too slow for the timeout',
      milliseconds('50', '200', '550'),
      'at least three times raft-heartbeat-ms',
    ],
    ['a wait longer than the request', { flags: { 'leader-wait-ms': '6000' } }, 'before the wait is over'],
    ['peers without this member', { flags: { peers: 'a=h:1,b=h:2,c=h:3' } }, 'must name this member too'],
  ])('such as %s are refused with the reason', (_what, given, reason) => {
    expect(problemsOf(given).join('\n')).toContain(reason);
  });

  it('are named as the user gave them, before what is so by default', () => {
    expect(problemsOf({ environment: { MANIFEST_UNHEALTHY_AFTER: '5' } })).toEqual([
      'MANIFEST_UNHEALTHY_AFTER="5" and --heartbeat-interval "10" (the default): heartbeat-interval must be less than ' +
        'unhealthy-after, or instances turn unhealthy between two heartbeats',
    ]);
  });

  it('are not looked for among values that are already wrong', () => {
    expect(problemsOf({ flags: { 'heartbeat-interval': 'long' } })).toHaveLength(1);
  });

  it('can stand at their very limits', () => {
    expect(problemsOf(milliseconds('50', '150', '450'))).toEqual([]);
    expect(problemsOf({ flags: { 'heartbeat-interval': '1', 'remove-after': '86400' } })).toEqual([]);
  });
});

describe('a configuration file', () => {
  it.each([
    ['that is not there', () => join(directory, 'nowhere.json'), 'the file cannot be read'],
    ['that is not JSON', () => fileWith('{"rest-port": }'), 'the file is not valid JSON'],
    ['that holds a list', () => fileWith('[1]'), 'must hold a JSON object'],
    ['that holds null', () => fileWith('null'), 'must hold a JSON object'],
  ])('%s is refused by the name under which it was given', (_what, makeFile, message) => {
    const file = makeFile();
    const [byFlag = ''] = problemsOf(() => readOptions({ flags: {}, environment: {}, configFile: file }));
    expect(byFlag).toContain(`--config "${file}": `);
    expect(byFlag).toContain(message);
    const [byVariable] = problemsOf(() => readOptions({ flags: {}, environment: { MANIFEST_CONFIG: file } }));
    expect(byVariable).toContain(`MANIFEST_CONFIG="${file}": `);
  });
});

describe('a token', () => {
  it('given itself and in a file is refused, and is not shown', () => {
    const flags = { 'auth-token': 'hush-hush', 'auth-token-file': fileWith('other') };
    const text = problemsOf({ flags }).join('\n');
    expect(text).toContain('not both');
    expect(text).not.toContain('hush-hush');
  });

  it.each([
    ['empty', () => fileWith('\n'), 'the file is empty'],
    ['missing', () => join(directory, 'no-token'), 'the file cannot be read'],
    ['unusable', () => fileWith('two words'), 'the token in it must hold printable ASCII'],
  ])('whose file is %s stops the start, rather than leave the registry open', (_what, makeFile, message) => {
    const text = problemsOf({ flags: { 'auth-token-file': makeFile() } }).join('\n');
    expect(text).toContain(message);
    expect(text).not.toContain('two words');
  });

  it('that is wrong is not shown', () => {
    for (const given of [
      { flags: { 'auth-token': 'hush hush' } },
      { environment: { MANIFEST_AUTH_TOKEN: 'hush hush' } },
      { file: { 'auth-token': 'hush hush' } },
    ]) {
      const text = problemsOf(given).join('\n');
      expect(text).toContain('(secret)');
      expect(text).not.toContain('hush');
    }
  });
});
