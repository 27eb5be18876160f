import { type OptionSection, type OptionSpec, optionTable, variableOf } from './option-table.ts';

const specs: readonly OptionSpec[] = optionTable;

/** The tables of `docs/configuration.md`, one for each section. */
export function renderOptionsMarkdown(): string {
  const sections = [...new Set(specs.map(({ section }) => section))];
  return sections.map(renderSection).join('\n\n');
}

function renderSection(section: OptionSection): string {
  const rows = specs.filter((spec) => spec.section === section).map(renderRow);
  const head = ['| option | variable | default | what it is |', '| --- | --- | --- | --- |'];
  return [`### ${section}`, '', ...head, ...rows].join('\n');
}

function renderRow({ name, placeholder, fallback, description, secret }: OptionSpec): string {
  const flag = `\`--${name} ${placeholder}\``.replaceAll('|', '\\|');
  const standard = fallback === '' ? '' : `\`${fallback}\``;
  return `| ${flag} | \`${variableOf(name)}\` | ${standard} | ${description}${secret ? ' (secret)' : ''} |`;
}
