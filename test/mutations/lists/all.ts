import type { Mutation } from '../mutation.ts';
import { memberMutations } from './node.ts';
import { pythonClientMutations } from './python-client.ts';
import { raftMutations } from './raft.ts';
import { registryMutations } from './registry.ts';
import { storageMutations } from './storage.ts';
import { typescriptClientMutations } from './typescript-client.ts';

const layers = [
  raftMutations,
  memberMutations,
  registryMutations,
  storageMutations,
  typescriptClientMutations,
  pythonClientMutations,
];

/** By trap; those without a number last. */
export const allMutations: readonly Mutation[] = layers
  .flat()
  .sort((left, right) => (left.trap ?? Number.POSITIVE_INFINITY) - (right.trap ?? Number.POSITIVE_INFINITY) || 0);
