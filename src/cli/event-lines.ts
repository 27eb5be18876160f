import type { WatchedRecord } from '../registry/records.ts';
import { type Colour, paint, printable } from './output.ts';
import { colourOfStatus, interfacesIn } from './records.ts';
import type { WatchedEvent } from './registry-watch.ts';

const eventColours: Readonly<Record<WatchedEvent['event'], Colour | null>> = {
  registered: 'green',
  updated: 'bold',
  status: null,
  deregistered: 'dim',
  expired: 'red',
  current: 'dim',
  synced: 'dim',
  compacted: 'yellow',
};

const longestName = Math.max(...Object.keys(eventColours).map((name) => name.length));

/** For scripts: `REVISION EVENT NAME/ID STATUS VERSION CHANGED`, `-` for what an event does not have. */
export function plainLine(event: WatchedEvent): string {
  const revision = 'revision' in event ? event.revision : '-';
  if (!('record' in event)) return `${revision} ${event.event} - - - -\n`;
  const { name, id, status, version, changed } = event.record;
  const parts = [revision, event.event, `${name}/${id}`, status, version, changed?.join(',') || '-'];
  return `${printable(parts.join(' '))}\n`;
}

/** For a person at a terminal. @param time of day */
export function terminalLine(event: WatchedEvent, time: string, colour: boolean): string {
  const name = paint(event.event.padEnd(longestName), eventColours[event.event], colour);
  return `${paint(time, 'dim', colour)}  ${name}  ${sayingOf(event, colour)}\n`;
}

function sayingOf(event: WatchedEvent, colour: boolean): string {
  if (!('record' in event)) {
    if (event.event === 'compacted') return 'some changes are no longer known; what there is now follows';
    return `that is all there is at revision ${event.revision}; changes follow`;
  }
  const { record } = event;
  const status = paint(printable(record.status), colourOfStatus(record.status), colour);
  return [
    paint(printable(`${record.name}/${record.id}`), 'bold', colour),
    status,
    ...detailsOf(event.event, record),
  ].join('  ');
}

function detailsOf(event: WatchedEvent['event'], record: WatchedRecord): string[] {
  if (event === 'updated')
    return [printable(record.version), printable(`changed: ${(record.changed ?? []).join(', ')}`)];
  if (event === 'registered' || event === 'current')
    return [printable(record.version), printable(interfacesIn(record.interfaces))];
  return [];
}
