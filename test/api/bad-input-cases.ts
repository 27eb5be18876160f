/** Bad input for every rule, free of any server: the same tables are for a fake registry and for a live cluster. */

export { badRegistrations, registrationWith, validRegistration } from './bad-registrations.ts';
export { badRequests, brokenStreams } from './bad-requests.ts';
