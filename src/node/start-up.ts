import type { OpenedStorage } from '../storage/storage.ts';
import type { MemberEnvironment } from './member.ts';
import type { MemberSettings } from './settings.ts';

/** Opens this member's data, or makes it. @throws when the data belongs to another member or cluster */
export async function openOrInitialise(
  settings: MemberSettings,
  { storage, random, logger }: MemberEnvironment,
): Promise<OpenedStorage> {
  const { clusterId, nodeId, initialVoters } = settings;
  const opened = await storage.open();
  if (!opened) {
    logger.info({ voters: initialVoters }, 'no data yet: this member begins a new cluster or a new life in one');
    return storage.initialise(
      { clusterId, nodeId, incarnation: random.hex(32) },
      { voters: initialVoters, votersOutgoing: [], learners: [], learnersNext: [] },
    );
  }
  const { identity } = opened;
  if (identity.clusterId !== clusterId || identity.nodeId !== nodeId) {
    await storage.close();
    throw new Error(
      `This data belongs to member '${identity.nodeId}' of cluster '${identity.clusterId}', not to member '${nodeId}' of ` +
        `cluster '${clusterId}'. Give this member a data directory of its own, or its old name.`,
    );
  }
  const { voters } = opened.restored.snapshot.membership;
  if ([...voters].sort().join() !== [...initialVoters].sort().join()) {
    logger.warn(
      { configured: initialVoters, stored: voters },
      'the configured members differ from the stored ones; the stored ones count, the configuration only gives addresses',
    );
  }
  return opened;
}
