import { startInFront, startInside } from './faces.ts';
import { restConformance } from './rest-conformance.ts';

restConformance('inside a member', startInside);
restConformance('alone in front of a member', startInFront);
