import { systemClock } from '../node/system-environment.ts';
import { Turns } from '../node/turns.ts';

/** In which the answers of all faces of this process are encoded. */
export const answerTurns = new Turns(systemClock);
