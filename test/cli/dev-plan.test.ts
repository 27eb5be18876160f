import { describe, expect, it } from 'vitest';
import { renderFirstSteps } from '../../src/cli/commands/dev.ts';
import { memberOptionsFrom } from '../../src/cli/commands/serve.ts';
import {
  environmentOfMembers,
  parseBasePort,
  parseMemberCount,
  planCluster,
  restartDelayMs,
} from '../../src/cli/dev-plan.ts';

/** The options that a member makes of its arguments. */
function optionsOf(serveArguments: readonly string[]) {
  const flags: Record<string, string> = {};
  for (let i = 0; i < serveArguments.length; i += 2) {
    const name = (serveArguments[i] ?? '')
      .slice(2)
      .replace(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase());
    flags[name] = serveArguments[i + 1] ?? '';
  }
  return memberOptionsFrom(flags, {});
}

describe('the plan of a cluster', () => {
  it('of three has REST on 8500, 8510, 8520, gRPC two and peers three above', () => {
    expect(
      planCluster(3, 8500, 'data').map(({ id, restPort, grpcPort, peerPort }) => [id, restPort, grpcPort, peerPort]),
    ).toEqual([
      ['node-1', 8500, 8502, 8503],
      ['node-2', 8510, 8512, 8513],
      ['node-3', 8520, 8522, 8523],
    ]);
  });

  it('gives members arguments that they accept, on loopback, with the same peers and data of their own', () => {
    const plan = planCluster(5, 9500, '/tmp/five');
    const options = plan.map(({ serveArguments }) => optionsOf(serveArguments));
    expect(new Set(options.map(({ host }) => host))).toEqual(new Set(['127.0.0.1']));
    expect(new Set(options.map(({ dataDir }) => dataDir)).size).toBe(5);
    expect(new Set(options.map(({ peers }) => JSON.stringify([...peers])))).toHaveLength(1);
    expect(options[4]).toMatchObject({
      nodeId: 'node-5',
      clusterId: 'dev',
      restPort: 9540,
      restAddress: 'http://localhost:9540',
      grpcAddress: 'localhost:9542',
      dataDir: '/tmp/five/node-5',
    });
    expect(options[0]?.peers.get('node-5')).toBe('127.0.0.1:9543');
  });

  it.each(['0', '2', '9', '-1', '3.0', 'three', ''])('has no place for "%s" members', (text) => {
    expect(() => parseMemberCount(text)).toThrow(`--nodes must be 1, 3, 5 or 7, not "${text}"`);
  });

  it.each(['1', '3', '5', '7'])('may have %s members', (text) => {
    expect(parseMemberCount(text)).toBe(Number(text));
  });

  it.each(['0', '65513', '70000', 'x', '8500.5'])('refuses the base port %s where not all ports fit', (text) => {
    expect(() => parseBasePort(text, 3)).toThrow('--base-port must be a port from 1 to 65512');
  });

  it('may use the very last port', () => {
    expect(parseBasePort('65512', 3)).toBe(65_512);
    expect(planCluster(3, 65_512, 'd')[2]?.peerPort).toBe(65_535);
  });
});

describe('the environment of the members', () => {
  it('lacks what is meant for one member, and has the rest', () => {
    const environment = {
      PATH: '/bin',
      MANIFEST_NODE_ID: 'x',
      MANIFEST_PEERS: 'x=h:1',
      MANIFEST_DATA_DIR: '/d',
      MANIFEST_REST_PORT: '1',
      MANIFEST_CONFIG: 'f',
      MANIFEST_STORAGE: 'memory',
      MANIFEST_AUTH_TOKEN: 't',
      MANIFEST_UNHEALTHY_AFTER: '5',
    };
    expect(environmentOfMembers(environment)).toEqual({
      PATH: '/bin',
      MANIFEST_AUTH_TOKEN: 't',
      MANIFEST_UNHEALTHY_AFTER: '5',
    });
  });
});

describe('a member that ended', () => {
  it('is started again after a second, and ever more slowly while it keeps ending at once', () => {
    const delays: number[] = [];
    for (let i = 0; i < 7; i++) delays.push(restartDelayMs(delays.at(-1) ?? null, 200));
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  it('is started again soon when it had run well', () => {
    expect(restartDelayMs(30_000, 10_000)).toBe(1_000);
  });
});

describe('the first steps', () => {
  it('name the registry where it is not at the default place, and how to kill the leader', () => {
    const text = renderFirstSteps(planCluster(3, 9500, 'd'), 4711);
    expect(text).toContain('curl -s http://localhost:9500/v1/services');
    expect(text).toContain('npx chora-manifest status --url http://localhost:9500');
    expect(text).toContain('kill -9 4711');
  });

  it('need no address at the default place, and kill nobody who is alone', () => {
    const text = renderFirstSteps(planCluster(1, 8500, 'd'), 4711);
    expect(text).not.toContain('--url');
    expect(text).not.toContain('kill');
  });
});
