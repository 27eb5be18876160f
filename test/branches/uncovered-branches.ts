/** A branch, by the line that it stands in: numbers of lines would change with every edit above. */
export interface Branch {
  /** Relative to the project. */
  readonly file: string;
  /** The line, without the space around it. */
  readonly line: string;
}

interface Place {
  readonly start?: { readonly line?: number };
}

/** What Istanbul's reporter `json` writes of one file, as far as branches go. */
export interface FileCoverage {
  readonly path: string;
  readonly branchMap: Readonly<Record<string, { readonly loc: Place; readonly locations: readonly Place[] }>>;
  /** How often each was taken. */
  readonly b: Readonly<Record<string, readonly number[]>>;
}

/** @param sourceOf the text of a file that the coverage names. @param project its path, which the answer leaves out */
export function uncoveredBranches(
  coverage: Readonly<Record<string, FileCoverage>>,
  sourceOf: (path: string) => string,
  project: string,
): Branch[] {
  const found: Branch[] = [];
  for (const { path, branchMap, b } of Object.values(coverage)) {
    const lines = sourceOf(path).split('\n');
    for (const [key, counts] of Object.entries(b)) {
      const branch = branchMap[key];
      counts.forEach((count, i) => {
        // An `else` that is not written has no place of its own.
        const line = branch?.locations[i]?.start?.line ?? branch?.loc.start?.line;
        if (count === 0)
          found.push({ file: path.slice(project.length + 1), line: lines[(line ?? 0) - 1]?.trim() ?? '' });
      });
    }
  }
  return found;
}

const heading = '### Branches that no test takes';

/** A file and a line in code quotes, of which the line may be quoted twice, and why it is so. */
const item = /^- `([^`]+)`: (?:`` (.+) ``|`([^`]+)`): (.+)/;

/** The branches that the page says are not taken. @throws Error where the list is not as it should be */
export function listedBranches(page: string): Branch[] {
  const [, section] = page.split(`${heading}\n`);
  if (section === undefined) throw new Error(`The page has no part "${heading}".`);
  const [list = ''] = section.split(/^#+ /m, 1);
  const items = list.split('\n').filter((line) => line.startsWith('- '));
  return items.map((text) => {
    const [, file, twice, once] = item.exec(text) ?? [];
    const line = twice ?? once;
    if (file === undefined || line === undefined) {
      throw new Error(`This is not of the form "- \`FILE\`: \`LINE\`: why": ${text}`);
    }
    return { file, line };
  });
}

/** Those of `some` that are not among `others`. */
export function without(some: readonly Branch[], others: readonly Branch[]): Branch[] {
  const known = new Set(others.map(({ file, line }) => `${file}\n${line}`));
  return some.filter(({ file, line }) => !known.has(`${file}\n${line}`));
}
