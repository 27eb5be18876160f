import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Branch, type FileCoverage, listedBranches, uncoveredBranches, without } from './uncovered-branches.ts';

/** The second half of `npm run coverage`: every branch that no test took has to stand in docs/correctness.md, with its reason. */
const project = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(path, 'utf8');

const coverage = JSON.parse(read(join(project, 'coverage/coverage-final.json'))) as Record<string, FileCoverage>;
const uncovered = uncoveredBranches(coverage, read, project);
const listed = listedBranches(read(join(project, 'docs/correctness.md')));

function show(title: string, branches: readonly Branch[]): void {
  if (branches.length === 0) return;
  console.log(title);
  for (const { file, line } of branches) console.log(`  ${file}: ${line}`);
}

const unexplained = without(uncovered, listed);
show(
  '\nTaken by no test, and not explained in docs/correctness.md: add a test, or the reason why there is none.',
  unexplained,
);
show(
  '\nTaken now, although docs/correctness.md says that they are not: take them out of the list.',
  without(listed, uncovered),
);
console.log(`\n${uncovered.length} branches were not taken; ${unexplained.length} of them are not explained.`);
process.exitCode = unexplained.length === 0 ? 0 : 1;
