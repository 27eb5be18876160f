import { madeOnce } from '../../registry/made-once.ts';
import type { ChangeEvent, WatchEvent } from '../../registry/records.ts';

/** Tells a browser's EventSource how soon to come back, in milliseconds. */
export const retryText = 'retry: 1000\n\n';

/** Keeps the line open; clients ignore it. */
export const commentText = ': keep-alive\n\n';

/**
 * For people who wonder why a watch begins anew that was to be resumed; clients ignore it. Empty where there is no riddle.
 * @param from the revision after which the watch was to go on
 */
export function aheadText(from: number | undefined, first: WatchEvent | undefined): string {
  if (from === undefined || first?.type !== 'compacted' || from <= first.revision) return '';
  return `: Revision ${from} is ahead of this registry, which has come to ${first.revision}. It is a mistake, or from another registry.\n\n`;
}

/** A change is the same object for everybody who watches it, so its text is made once. */
const changeText = madeOnce(
  new WeakMap<ChangeEvent, string>(),
  ({ type, revision, record }: ChangeEvent) => `id: ${revision}\nevent: ${type}\ndata: ${JSON.stringify(record)}\n\n`,
);

/**
 * An event as Server-Sent Events write it (HTML Standard, 9.2). What has an id may be resumed after; a record of the
 * present state has none, so that a state that was cut short is asked for again as a whole.
 */
export function eventText(event: WatchEvent): string {
  switch (event.type) {
    case 'current':
      return `event: current\ndata: ${JSON.stringify(event.record)}\n\n`;
    case 'compacted':
      return `event: compacted\ndata: {"revision":${event.revision}}\n\n`;
    case 'synced':
    case 'progress':
      return `id: ${event.revision}\nevent: ${event.type}\ndata: {"revision":${event.revision}}\n\n`;
    default:
      return changeText(event);
  }
}

/** The last event of a watch that does not end by its client's will; its data is an error as every answer shows it. */
export function closedText(error: unknown): string {
  return `event: closed\ndata: ${JSON.stringify(error)}\n\n`;
}
