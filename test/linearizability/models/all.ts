import type { Model } from '../model.ts';
import { appendMapModel } from './append-map.ts';
import { registerModel } from './register.ts';
import { registryModel, type SpontaneousChanges } from './registry.ts';

/** Calls `use` with the model of this name: the types of its states and operations stay between the two. */
export function withModel<Result>(
  name: ModelName,
  changes: Partial<SpontaneousChanges>,
  use: <State, Input, Output>(model: Model<State, Input, Output>) => Result,
): Result {
  switch (name) {
    case 'register':
      return use(registerModel);
    case 'append-map':
      return use(appendMapModel);
    case 'registry':
      return use(registryModel(changes));
  }
}

export const modelNames = ['register', 'append-map', 'registry'] as const;

export type ModelName = (typeof modelNames)[number];
