import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prepareData } from '../../src/cli/dev-data.ts';
import { type PlannedMember, planCluster } from '../../src/cli/dev-plan.ts';
import { checkPorts } from '../../src/cli/dev-ports.ts';
import { CommandError } from '../../src/cli/exit-codes.ts';

let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'manifest-dev-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** As if a cluster had run here. */
function runBefore(memberCount: number): readonly PlannedMember[] {
  const plan = planCluster(memberCount, 8500, directory);
  prepareData(directory, plan, false);
  for (const { dataDirectory, logFile } of plan) {
    mkdirSync(dataDirectory);
    writeFileSync(join(dataDirectory, 'CURRENT'), 'data');
    writeFileSync(logFile, 'log');
  }
  return plan;
}

describe('the data of a cluster on this machine', () => {
  it('is kept from one run to the next', () => {
    const plan = runBefore(3);
    prepareData(directory, plan, false);
    for (const { dataDirectory } of plan) expect(existsSync(join(dataDirectory, 'CURRENT'))).toBe(true);
  });

  it('is made with its directories where there was nothing', () => {
    const nested = join(directory, 'a', 'b');
    prepareData(nested, planCluster(1, 8500, nested), false);
    expect(readdirSync(nested)).toEqual(['cluster.json']);
  });

  it('is refused to a cluster of another size: its membership is in it', () => {
    runBefore(3);
    expect(() => prepareData(directory, planCluster(5, 8500, directory), false)).toThrow(
      expect.objectContaining({ message: expect.stringContaining('--nodes 3, not 5'), exitCode: 2 }),
    );
  });

  it('may move to other ports', () => {
    runBefore(3);
    expect(() => prepareData(directory, planCluster(3, 9500, directory), false)).not.toThrow();
  });

  it('is forgotten when it is to be fresh, of whatever size, and nothing else that is there', () => {
    runBefore(7);
    writeFileSync(join(directory, 'thesis.tex'), 'years of work');
    mkdirSync(join(directory, 'node-modules'));
    prepareData(directory, planCluster(3, 8500, directory), true);
    expect(readdirSync(directory).sort()).toEqual(['cluster.json', 'node-modules', 'thesis.tex']);
    expect(() => prepareData(directory, planCluster(3, 8500, directory), false)).not.toThrow();
  });

  it('counts as of unknown size where the note of its size cannot be read', () => {
    writeFileSync(join(directory, 'cluster.json'), 'not json');
    expect(() => prepareData(directory, planCluster(3, 8500, directory), false)).not.toThrow();
  });
});

describe('the ports of a cluster on this machine', () => {
  const servers: Server[] = [];

  afterEach(() => Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve)))));

  async function take(): Promise<number> {
    const server = createServer();
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  const memberOn = (restPort: number, grpcPort: number, peerPort: number): PlannedMember => ({
    ...(planCluster(1, 8500, directory)[0] as PlannedMember),
    restPort,
    grpcPort,
    peerPort,
  });

  it('are all looked at, and every taken one is named', async () => {
    const [one, other, free] = [await take(), await take(), await take()];
    await new Promise((resolve) => servers.pop()?.close(resolve));
    const failure = await checkPorts([memberOn(one, free, other)]).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CommandError);
    expect(failure).toMatchObject({
      message: `ports ${one}, ${other} are in use`,
      hint: expect.stringContaining('--base-port'),
    });
  });

  it('are free again after they were looked at', async () => {
    const ports = [await take(), await take(), await take()] as const;
    await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
    await checkPorts([memberOn(...ports)]);
    await checkPorts([memberOn(...ports)]);
  });
});
