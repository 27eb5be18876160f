import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prepareData } from '../../src/cli/dev-data.ts';
import { type PlannedMember, planCluster } from '../../src/cli/dev-plan.ts';

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

  it('is refused where no directory can be made', () => {
    writeFileSync(join(directory, 'file'), '');
    const beneath = join(directory, 'file', 'data');
    expect(() => prepareData(beneath, planCluster(1, 8500, beneath), false)).toThrow(
      expect.objectContaining({ name: 'CommandError', hint: expect.stringContaining('--data') }),
    );
  });

  it('counts as of unknown size where the note of its size cannot be read', () => {
    writeFileSync(join(directory, 'cluster.json'), 'not json');
    expect(() => prepareData(directory, planCluster(3, 8500, directory), false)).not.toThrow();
  });
});
