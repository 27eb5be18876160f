import { type OptionSpec, optionTable, variableOf } from './option-table.ts';

/** The table of `docs/configuration.md`. */
export function renderOptionsMarkdown(): string {
  const specs: readonly OptionSpec[] = optionTable;
  const rows = specs.map(
    ({ name, placeholder, fallback, description }) =>
      `| \`--${name}\` ${placeholder.replaceAll('|', '\\|')} | \`${variableOf(name)}\` | ${fallback ? `\`${fallback}\`` : ''} | ${description} |`,
  );
  return ['| flag | variable | default | what it does |', '| --- | --- | --- | --- |', ...rows].join('\n');
}
