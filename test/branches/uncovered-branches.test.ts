import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type FileCoverage, listedBranches, uncoveredBranches, without } from './uncovered-branches.ts';

const project = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(project, path), 'utf8');

describe('the branches that docs/correctness.md says no test takes', () => {
  const listed = listedBranches(read('docs/correctness.md'));

  test('are there', () => {
    for (const { file, line } of listed) {
      const lines = read(file)
        .split('\n')
        .map((text) => text.trim());
      expect(lines, file).toContain(line);
    }
  });

  test('are of the two folders that are measured, and each is said once', () => {
    for (const { file } of listed) expect(file).toMatch(/^src\/(raft|registry)\//);
    expect(new Set(listed.map((each) => JSON.stringify(each))).size).toBe(listed.length);
  });
});

describe('a branch that was not taken', () => {
  const source = 'const a = 1;\n  if (a > 1) b();\nconst c = a ?? 2;\n';
  const at = (line: number) => ({ start: { line } });
  const coverage = (b: FileCoverage['b']): Record<string, FileCoverage> => ({
    one: {
      path: '/project/src/raft/a.ts',
      branchMap: {
        0: { loc: at(2), locations: [at(2), {}] },
        1: { loc: at(3), locations: [at(3), at(3)] },
      },
      b,
    },
  });

  test('is found by its line, also where it is an else that nobody wrote', () => {
    expect(uncoveredBranches(coverage({ 0: [1, 0], 1: [3, 0] }), () => source, '/project')).toEqual([
      { file: 'src/raft/a.ts', line: 'if (a > 1) b();' },
      { file: 'src/raft/a.ts', line: 'const c = a ?? 2;' },
    ]);
    expect(uncoveredBranches(coverage({ 0: [1, 1], 1: [3, 2] }), () => source, '/project')).toEqual([]);
  });

  test('is explained by its file and its line, and by nothing less', () => {
    const page = [
      '## Other',
      '- `src/raft/a.ts`: `const other = 1`: not in the list',
      '### Branches that no test takes',
      'Words.',
      '- `src/raft/a.ts`: `if (a > 1) b();`: because',
      '- `src/raft/a.ts`: `` throw `a`; ``: because',
      '## More',
      '- `src/raft/a.ts`: `const c = a ?? 2;`: too late',
    ].join('\n');
    const listed = listedBranches(page);
    expect(listed.map(({ line }) => line)).toEqual(['if (a > 1) b();', 'throw `a`;']);
    const uncovered = uncoveredBranches(coverage({ 0: [1, 0], 1: [3, 0] }), () => source, '/project');
    expect(without(uncovered, listed)).toEqual([{ file: 'src/raft/a.ts', line: 'const c = a ?? 2;' }]);
    expect(without(uncovered, [{ file: 'src/raft/b.ts', line: 'const c = a ?? 2;' }])).toEqual(uncovered);
  });

  test('is not explained by a line without a reason, nor by a page without the list', () => {
    expect(() => listedBranches('### Branches that no test takes\n- `src/a.ts`: `b`\n')).toThrow('FILE');
    expect(() => listedBranches('# Nothing')).toThrow('Branches that no test takes');
  });
});
