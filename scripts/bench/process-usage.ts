import { readFileSync } from 'node:fs';

/** Linux counts CPU time in hundredths of a second for programs, whatever its own clock does. */
const ticksPerSecond = 100;

/** CPU seconds of running processes, all threads, user and system. @throws when one of them is gone */
export function cpuSecondsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + ticks(`/proc/${pid}/stat`, 13, 14), 0) / ticksPerSecond;
}

/** CPU seconds of this process's children that have ended and were waited for. */
export function endedChildrenCpuSeconds(): number {
  return ticks('/proc/self/stat', 15, 16) / ticksPerSecond;
}

/** The second field is the program's name in parentheses, which may hold anything. */
function ticks(file: string, ...positions: readonly number[]): number {
  const text = readFileSync(file, 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  // What stands behind the name is field 3, at position 2 of proc(5)'s list counted from 0.
  return positions.reduce((sum, position) => sum + Number(fields[position - 2]), 0);
}

/** Resident memory in bytes. */
export function residentBytesOf(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return Number(line?.[1] ?? Number.NaN) * 1_024;
}
