import type { InstanceRecord } from '../../registry/records.ts';

/** One instance as Prometheus discovers it over HTTP. */
export interface TargetGroup {
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** Keys of the metadata that say how the metrics of an instance are scraped, where the address does not. */
export const scrapeKeys = { path: 'metrics_path', scheme: 'metrics_scheme' } as const;

/** Keys of the metadata that have a label of their own. */
const ownLabels = ['environment', 'region', 'owner'] as const;

/** What Prometheus may scrape; `null` for an instance without an HTTP interface. */
export function targetOf(record: InstanceRecord): TargetGroup | null {
  const url = httpAddress(record);
  if (!url) return null;
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return { targets: [`${url.hostname}:${port}`], labels: { ...labelsOf(record), ...scrapeLabels(record, url) } };
}

function httpAddress({ interfaces }: InstanceRecord): URL | null {
  const address = Object.hasOwn(interfaces, 'REST') ? interfaces.REST : undefined;
  return address !== undefined && URL.canParse(address) ? new URL(address) : null;
}

function scrapeLabels({ metadata }: InstanceRecord, url: URL): Record<string, string> {
  const [path, scheme] = [metadata[scrapeKeys.path], metadata[scrapeKeys.scheme]];
  return {
    __scheme__: scheme === 'http' || scheme === 'https' ? scheme : url.protocol.slice(0, -1),
    ...(typeof path === 'string' && path.startsWith('/') ? { __metrics_path__: path } : {}),
  };
}

function labelsOf({ name, id, version, status, metadata }: InstanceRecord): Record<string, string> {
  const labels: Record<string, string> = {
    __meta_manifest_service: name,
    __meta_manifest_instance_id: id,
    __meta_manifest_version: version,
    __meta_manifest_status: status,
  };
  for (const key of ownLabels) {
    const value = metadata[key];
    if (value !== undefined) labels[`__meta_manifest_${key}`] = value;
  }
  if (metadata.tags && metadata.tags.length > 0) labels.__meta_manifest_tags = joined(metadata.tags);
  for (const key of Object.keys(metadata).sort()) {
    const label = `__meta_manifest_metadata_${key.replace(/[^a-zA-Z0-9_]/g, '_')}`;
    const text = textOf(metadata[key]);
    if (key === 'tags' || ownLabels.some((own) => own === key) || text === null) continue;
    // Two keys may become one name: the first in the order of their characters has it.
    labels[label] ??= text;
  }
  return labels;
}

/** Texts, numbers and truth values as they are written, and lists of them; `null` for what no label can say. */
function textOf(value: unknown): string | null {
  if (Array.isArray(value)) {
    const texts = value.map(textOf).filter((text) => text !== null);
    return texts.length === value.length && texts.length > 0 ? joined(texts) : null;
  }
  return typeof value === 'object' ? null : String(value);
}

/** With a comma on both ends, so that an expression finds a whole word anywhere: `.*,core,.*`. */
function joined(texts: readonly string[]): string {
  return `,${texts.join(',')},`;
}
