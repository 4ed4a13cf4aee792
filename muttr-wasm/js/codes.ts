// Generated from muttr-core/src/rejection.rs by the build; change it there.

/** Whether asking again helps: never, later, or once something was changed. */
export type Retry = 'never' | 'later' | 'changed';

/** Every code, with what it means. */
export const CODES = {
  MALFORMED: { retry: 'never', sentence: "The other side sent something that is not of the protocol." },
  UNSUPPORTED: { retry: 'changed', sentence: "Newer than this version understands." },
  TOO_LARGE: { retry: 'changed', sentence: "Larger than allowed." },
  RATE_LIMITED: { retry: 'later', sentence: "Too many requests; wait a little." },
  BUSY: { retry: 'later', sentence: "Too much to do at the moment." },
  QUOTA: { retry: 'changed', sentence: "The disk or the quota is full." },
  STORAGE_FAILED: { retry: 'later', sentence: "Storage failed; nothing was changed." },
  TIMED_OUT: { retry: 'later', sentence: "No answer in time." },
  ALIAS_INVALID: { retry: 'changed', sentence: "That is not a valid alias." },
  ALIAS_TAKEN: { retry: 'changed', sentence: "Someone else has that alias." },
  ALIAS_RESERVED: { retry: 'changed', sentence: "That alias is kept for whoever runs the pod." },
  NOT_FOUND: { retry: 'changed', sentence: "Nobody is registered under that alias." },
  FOREIGN_POD: { retry: 'changed', sentence: "The alias belongs to another pod, with which this one does not deal." },
  BINDING_EXPIRED: { retry: 'later', sentence: "The binding of that alias ran out and was not renewed by its owner." },
  KEY_CHANGED: { retry: 'changed', sentence: "The certificate of that alias is not the one known before." },
  ALIASES_EXHAUSTED: { retry: 'never', sentence: "This certificate has as many aliases as it may." },
  ALIAS_REQUIRED: { retry: 'changed', sentence: "Take an alias first, so that the answer can reach you." },
  BINDING_STALE: { retry: 'changed', sentence: "The binding does not follow the one that the pod has of that alias." },
  MOVED: { retry: 'changed', sentence: "The person behind that alias has moved and takes messages under another one." },
  UNIDENTIFIED: { retry: 'changed', sentence: "Say who you are first." },
  BAD_SIGNATURE: { retry: 'never', sentence: "The proof of identity does not hold." },
  WRONG_HOST: { retry: 'changed', sentence: "The pod goes by another name than the one that was dialled." },
  POD_KEY_CHANGED: { retry: 'changed', sentence: "The pod's key is not the one known before, and the old key did not sign it." },
  REPLACED: { retry: 'never', sentence: "The same device opened another session, which replaces this one." },
  TAMPERED: { retry: 'later', sentence: "A frame of the channel was changed, cut, repeated or left out on its way." },
  CERTIFICATE_UNUSABLE: { retry: 'changed', sentence: "The certificate is revoked, expired, not valid yet, or has no key for this." },
  NO_RECORD: { retry: 'later', sentence: "The record is not there." },
  EXPIRED: { retry: 'never', sentence: "The record or the message has expired, or lives longer than allowed." },
  NO_STAMP: { retry: 'changed', sentence: "The proof of work beside the record is missing or too weak." },
  WRONG_BYTES: { retry: 'never', sentence: "The bytes are not those that the record key names." },
  UNWILLING: { retry: 'never', sentence: "This seed does not keep records for others." },
  MAILBOX_FULL: { retry: 'later', sentence: "The mailbox of the recipient is full." },
  STRANGERS_FULL: { retry: 'later', sentence: "The recipient takes no more messages from strangers for now." },
  POD_UNREACHABLE: { retry: 'later', sentence: "The pod cannot be reached." },
  OFFLINE: { retry: 'later', sentence: "Not connected; what was written is kept and will be sent." },
  UNREADABLE: { retry: 'never', sentence: "The message could not be opened." },
  BAD_PASSPHRASE: { retry: 'changed', sentence: "The passphrase is wrong, or the file is damaged." },
  BAD_IDENTITY: { retry: 'changed', sentence: "The file holds no identity that can be used here." },
  NO_IDENTITY: { retry: 'changed', sentence: "There is no identity here yet." },
  INSECURE_CONTEXT: { retry: 'changed', sentence: "This page has no secure context; open it over https or on localhost." },
  INSTANCE_DEAD: { retry: 'changed', sentence: "This instance met an internal error and stopped; load it again, nothing durable is lost." },
  ALREADY_OPEN: { retry: 'changed', sentence: "Another tab of this profile is already this seed." },
  CLOSED: { retry: 'never', sentence: "The seed was closed." },
  MISUSE: { retry: 'never', sentence: "That was not asked for in the right way." },
  CLOCK_WRONG: { retry: 'later', sentence: "The clocks of the two pods differ too much." },
  POD_DISHONEST: { retry: 'later', sentence: "The other pod proved something that does not hold." },
  NO_SUCH_POD: { retry: 'later', sentence: "There is no pod of that name." },
  UNKNOWN: { retry: 'never', sentence: "A rejection this version does not know." },
} as const satisfies Record<string, { retry: Retry; sentence: string }>;

/** The codes of `MuttrError`. */
export type Code = keyof typeof CODES;
