import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DirectoryError, makeDirectory } from '../storage/make-directory.ts';
import { maxMembers, type PlannedMember, planCluster } from './dev-plan.ts';
import { CommandError, exitCodes } from './exit-codes.ts';

const noteName = 'cluster.json';

/**
 * Makes `directory` ready for these members. What earlier runs left is kept, or forgotten when `fresh`: then exactly what
 * this command made is removed, and nothing else that may be in the directory.
 *
 * @throws CommandError when the data is of a cluster with another number of members, or the directory cannot be made
 */
export function prepareData(directory: string, plan: readonly PlannedMember[], fresh: boolean): void {
  const note = join(directory, noteName);
  if (fresh) removeData(directory);
  else checkMemberCount(directory, note, plan.length);
  makeDataDirectory(directory);
  writeFileSync(note, `${JSON.stringify({ members: plan.length })}\n`);
}

function makeDataDirectory(directory: string): void {
  try {
    makeDirectory(directory);
  } catch (error) {
    if (!(error instanceof DirectoryError)) throw error;
    throw new CommandError(error.message, exitCodes.failure, 'give another directory with --data');
  }
}

function removeData(directory: string): void {
  for (const { dataDirectory, logFile } of planCluster(maxMembers, 1, directory)) {
    rmSync(dataDirectory, { recursive: true, force: true });
    rmSync(logFile, { force: true });
  }
  rmSync(join(directory, noteName), { force: true });
}

/** The membership is in the data: members that were not there at the beginning do not belong by being started. */
function checkMemberCount(directory: string, note: string, memberCount: number): void {
  const before = existsSync(note) ? memberCountIn(readFileSync(note, 'utf8')) : null;
  if (before === null || before === memberCount) return;
  throw new CommandError(
    `the data in ${directory} is of a cluster with --nodes ${before}, not ${memberCount}`,
    exitCodes.usage,
    `go on with --nodes ${before}, begin anew with --fresh, or choose another directory with --data`,
  );
}

function memberCountIn(text: string): number | null {
  try {
    const { members } = JSON.parse(text) as { readonly members?: unknown };
    return typeof members === 'number' ? members : null;
  } catch {
    return null;
  }
}
