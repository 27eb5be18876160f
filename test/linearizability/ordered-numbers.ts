import type { History, Operation } from './history.ts';
import type { Violation } from './judge.ts';
import type { Model, OrderedNumber } from './model.ts';

interface Seen<Input, Output> {
  readonly value: number;
  readonly by: Operation<Input, Output>;
}

/** One list of violations is enough to see what is wrong: a registry that fell back fails in every answer after it. */
const violationsMax = 10;

/**
 * Numbers that the whole system shares, such as the registry's revision, may not go back in real time: an answer shows
 * at least what any answer before its call showed. One pass, whatever the number of keys, and it sees what a search
 * key by key cannot: an order between keys.
 */
export function checkOrderedNumbers<State, Input, Output>(
  history: History<Input, Output>,
  model: Model<State, Input, Output>,
): readonly Violation<Input, Output>[] {
  const violations: Violation<Input, Output>[] = [];
  const greatest = new Map<string, Seen<Input, Output>>();
  const given = new Map<string, Operation<Input, Output>>();
  const floors = new Map<Operation<Input, Output>, ReadonlyMap<string, Seen<Input, Output>>>();
  for (const { operation, isCall, numbers } of eventsOf(history, model)) {
    if (isCall) {
      floors.set(operation, new Map(greatest));
      continue;
    }
    for (const number of numbers) {
      const reason = compare(number, floors.get(operation)?.get(number.name), given);
      if (reason && violations.length < violationsMax) {
        violations.push({ key: number.name, culprit: operation, states: [], ...reason(operation) });
      }
      if (number.isNew) given.set(`${number.name} ${number.value}`, operation);
      if (number.value > (greatest.get(number.name)?.value ?? Number.NEGATIVE_INFINITY)) {
        greatest.set(number.name, { value: number.value, by: operation });
      }
    }
    floors.delete(operation);
  }
  return violations;
}

type Reason<Input, Output> = (
  culprit: Operation<Input, Output>,
) => Pick<Violation<Input, Output>, 'reason' | 'involved'>;

function compare<Input, Output>(
  { name, value, isNew }: OrderedNumber,
  floor: Seen<Input, Output> | undefined,
  given: ReadonlyMap<string, Operation<Input, Output>>,
): Reason<Input, Output> | null {
  if (floor && (value < floor.value || (isNew && value === floor.value))) {
    return (culprit) => ({
      reason: `${name} ${value} after ${floor.value} had been seen`,
      involved: [floor.by, culprit],
    });
  }
  const twin = isNew ? given.get(`${name} ${value}`) : undefined;
  return twin ? (culprit) => ({ reason: `${name} ${value} was given twice`, involved: [twin, culprit] }) : null;
}

function eventsOf<State, Input, Output>(history: History<Input, Output>, model: Model<State, Input, Output>) {
  const events = history.flatMap((operation) => {
    const { input, output, calledAt, returnedAt } = operation;
    const numbers = output === null ? [] : (model.orderedNumbers?.(input, output) ?? []);
    if (numbers.length === 0) return [];
    return [
      { operation, at: calledAt, isCall: true, numbers },
      { operation, at: returnedAt, isCall: false, numbers },
    ];
  });
  return events.toSorted((a, b) => a.at - b.at);
}
