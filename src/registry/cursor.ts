import type { InstanceKey } from './service.ts';

/**
 * Where a walk through a list has come to. It names an instance and no position, so what comes and goes meanwhile
 * neither hides an instance nor shows one twice. Opaque to clients.
 */
export function cursorAfter({ name, id }: InstanceKey): string {
  return Buffer.from(`${name}/${id}`).toString('base64url');
}

/** An empty text is the beginning. `null` for what is no cursor. */
export function parseCursor(text: string): InstanceKey | null {
  if (text === '') return { name: '', id: '' };
  const [, name, id] = /^([a-z0-9-]+)\/([a-zA-Z0-9-]+)$/.exec(Buffer.from(text, 'base64url').toString()) ?? [];
  return name === undefined || id === undefined ? null : { name, id };
}
