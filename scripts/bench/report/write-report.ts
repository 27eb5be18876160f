import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Results } from '../results.ts';
import { fillDocument } from './document.ts';
import { plot } from './svg.ts';

const documentFile = fileURLToPath(new URL('../../../docs/performance.md', import.meta.url));
const plotsDirectory = fileURLToPath(new URL('../../../docs/performance/', import.meta.url));

/**
 * Makes docs/performance.md and its plots from a run's JSON.
 * @returns the files that were written
 * @throws Error when the file is no such JSON
 */
export function writeReport(resultsFile: string): string[] {
  const results = JSON.parse(readFileSync(resultsFile, 'utf8')) as Results;
  if (!Array.isArray(results.scenarios) || !results.machine) {
    throw new Error(`${resultsFile} does not hold the results of this benchmark (see --json).`);
  }
  mkdirSync(plotsDirectory, { recursive: true });
  const series = results.scenarios.flatMap(({ measured }) => measured?.series ?? []);
  for (const one of series) writeFileSync(`${plotsDirectory}${one.name}.svg`, plot(one));
  const document = fillDocument(readFileSync(documentFile, 'utf8'), results, (name) => `performance/${name}.svg`);
  writeFileSync(documentFile, document);
  return [documentFile, ...series.map(({ name }) => `${plotsDirectory}${name}.svg`)];
}
