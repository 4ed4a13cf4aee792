# Every word of the page. One message per thing said; numbers and dates come in as variables, so
# that a translation may order and inflect as its language wants.

muttr = Muttr

## First minute
arrival-title = Messages that nobody else can read, kept by the people reading this page.
arrival-picture = Two people; between them a few seeds and a pod, each keeping a copy of one sealed message.
arrival-question = While this page is open, may it keep sealed messages for others?
arrival-limit = Up to { $size }, and you can stop any time.
arrival-yes = Yes, join
arrival-no = Just use it
arrival-restore = I have an identity file
arrival-making = Making your identity…
arrival-joining = Joining…
arrival-ready = Your identity is ready. It was made here and stays here.
alias-title = What should people call you?
alias-why = Others write to you at this address. You can also choose later.
alias-label = Alias
alias-empty = Small letters and digits, with . _ - between them.
alias-checking = Asking { $host }…
alias-free = { $address } is free.
alias-yours = { $address } is already yours.
alias-take = Take this alias
alias-taking = Registering { $address }…
alias-skip = Not now
alias-missing = You have no alias yet, so nobody can answer you.
alias-choose = Choose an alias

## Keeping the identity
keep-unsaved = Your identity is only in this browser, which may clear its storage.
keep-unpersisted = This browser may clear what is stored here. Your identity is saved to a file; the messages are not.
keep-save = Save identity
keep-title = Save your identity
keep-how = One file brings your identity back, in any browser. It is locked with a passphrase that only you know; nobody can reset it.
keep-passphrase = Passphrase
keep-again = The same again
keep-short = At least { $count } characters.
keep-differs = The two are not the same yet.
keep-fits = Good.
keep-file = Save file
keep-locking = Locking the file…
keep-done = Saved as { $file }. Keep it where you would keep a house key.
restore-title = Restore an identity
restore-how = Choose the file you saved and type its passphrase.
restore-replaces = It takes the place of the identity in this browser. Save that one first if you need it again.
restore-file = Identity file
restore-open = Restore
restore-opening = Opening the file…

## Rooms and places
rooms = Rooms
room-conversations = Conversations
room-network = Network
room-people = People
room-settings = Settings
back = Back
close = Close
cancel = Cancel
try-again = Try again
load-again = Load again
copy-address = Copy your address
copied = Copied
separate-seed = Separate seed “{ $name }” of this browser
skip-to-main = Skip to the room

## The connection to the pod
link-connecting = Connecting to { $host }…
link-online = Online
link-offline = Offline
link-closed = Stopped
link-offline-note = { $host } does not answer. What you write is kept here and sent when it does.
wait-loading = Loading Muttr…
wait-opening = Opening what is stored here…
wait-other-tab = Waiting for the other tab to close…
wait-here = Continue here once it closes

## What concerns every room
notice-lost = A message to { $address } will not arrive. Your own copy is kept; look at it to send it again.
notice-look = Look
notice-set-aside = A message that arrived could not be opened safely, and was set aside. Everything else is kept; ask its sender to write again.

## Conversations
conversations-empty = Nobody has written yet.
conversations-empty-how = Your first message needs an address, such as { $example }.
conversations-list = Conversations
requests = Requests
requests-why = First messages from people you have not written to.
write-new = New message
unread-count = { $count ->
    [one] { $count } unread
   *[other] { $count } unread
  }
last-mine = You: { $text }
choose-one = Choose a conversation, or write to someone new.
messages-none = No messages yet. What you write is sealed before it leaves this page.
messages-earlier = Earlier messages
messages-below = New below
messages-loading = Reading messages…
messages-with = Messages with { $address }
new-message-from = New message from { $address }
request-question = { $address } is new to you. Shall their messages go to your conversations?
request-accept = Accept
request-block = Block
blocked-note = You blocked { $address }. Their messages are not shown.
blocked-undo = Unblock
key-changed-note = The key of { $address } is not the one known before. Sending is stopped until you decide: compare fingerprints with them another way first.
key-changed-accept = Believe the new key
moved-note = { $address } has moved to { $to }. What you write to the old address is not passed on.
moved-write = Write to { $to }
person-details = About { $address }
answer-to = Answering { $address }
answer = Answer
answer-stop = Do not answer this one
answer-gone = an earlier message

## Writing
address-label = Address
address-hint = bob@{ $host }
address-looking = Asking who { $address } is…
address-found = { $address }
message-label = Message
message-hint = Write a message
send = Send
send-keys = Ctrl+Enter sends
sending = Sealing and sending…
take-back = Back into the box
message-left = { $count ->
    [one] { $count } byte left
   *[other] { $count } bytes left
  }
message-over = { $count ->
    [one] This is { $count } byte too long to be sealed in one piece. It stays in the box; please shorten it.
   *[other] This is { $count } bytes too long to be sealed in one piece. It stays in the box; please shorten it.
  }

## A message
message-from = { $address }, { $when }
message-mine = You, { $when }
newer-kind = This message needs a newer version of Muttr. It is kept until then.
not-text = A message of type { $type }, { $size }.
trust-verified = verified
trust-unverified = unverified
trust-key-changed = key changed
trust-unsigned = signature does not hold
trust-verified-means = You compared this person's fingerprint yourself.
trust-unverified-means = The signature holds, and { $host } says that this key belongs to { $address }. You have not compared fingerprints yet.
trust-key-changed-means = The signature was made with another key than the one known before.
trust-unsigned-means = The signature does not match the address. Do not rely on this message.
seeds-count = { $count ->
    [one] { $count } seed
   *[other] { $count } seeds
  }
pods-count = { $count ->
    [one] { $count } pod
   *[other] { $count } pods
  }
held-by = { $seeds } and { $pods }
status-sending = sealing
status-queued = waits here for the pod
status-stored = kept by { $held }
status-waiting = kept by { $held }, not announced at { $host } yet
held-here = this browser
status-notified = notified · { $copies }
copies-had = { $held } had it at { $time }
copies-unknown = nothing heard of the copies since { $time }
on-day-at = { $day }, { $time }
status-fetched = fetched · kept by { $held }
status-read = read
status-lost = lost: it will not arrive
status-expires = expires { $date }
status-expired = expired { $date }

## Custody of a message
custody-title = Custody
custody-open = Custody of this message: { $state }
custody-steps = How far it came
step-sealed = Sealed here
step-stored = Kept by { $held }
step-stored-then = { $held } had it at { $time }; nothing was heard of them since
step-stored-not = Kept by nobody yet
step-stored-gone = Kept by nobody any more
step-notified = { $address } notified
step-fetched = Fetched
step-read = Read
step-done = done
step-waiting = not yet
custody-confirmed = Copies as of
custody-expires = Expires
custody-record = Record key
custody-reason = Why not further
custody-lost = Nobody has a copy of this message any more, so it will not arrive. Your own copy is here; send it again.
custody-again = Send again
custody-explain = Each holder signed for its copy. Nobody but { $address } can open it.
custody-signed = Signed by
custody-sent = Written
custody-received = Opened here

## Network
network-title = Network
network-picture = { $count ->
    [0] This seed, linked to nobody at the moment
    [one] This seed and the one it is linked to
   *[other] This seed and the { $count } it is linked to
  }
figure-kept = kept for others
figure-links = links
figure-moved = moved today
kept-records = { $count ->
    [one] { $count } sealed message
   *[other] { $count } sealed messages
  }
kept-of = of { $size }
kept-off = switched off
links-direct = { $count } direct
links-relayed = { $count } relayed
moved-in = { $size } in
moved-out = { $size } out
keep-switch = Keep sealed messages for others
keep-switch-on = This page keeps up to { $size } while it is open. Nobody can read what it keeps, you included.
keep-switch-off = Nothing new is kept. Switch it on and others can reach you when your friends are away, and you them.
keep-switch-hidden = Nothing is kept while your address is hidden: nobody could ask this page for it.
keep-size = At most
hide-switch = Hide my address from other seeds (pods only)
hide-switch-off = Seeds that this page is linked to see its internet address. Hidden, it keeps nothing for others, and your pod sees all its traffic.
hide-switch-on = No other seed sees this page's internet address. It keeps nothing for others, and your pod sees all its traffic.
changing = Changing…
link-list = Linked to
this-seed = This seed
peer-pod = Pod { $host }
peer-seed = Seed
peer-elsewhere = Pod of another place
peer-direct = direct
peer-relayed = through the pod's relay
peer-kind-websocket = WebSocket
peer-kind-webrtc = WebRTC
peer-kind-relay = relay
peer-since = linked for { $time }
links-title = Links
network-hidden = Hidden: linked to no other seed. Your pod stores and fetches for you.
network-alone = Not linked to anyone at the moment. That is no harm: what you write waits here.
duration-seconds = { $count ->
    [one] { $count } second
   *[other] { $count } seconds
  }
duration-minutes = { $count ->
    [one] { $count } minute
   *[other] { $count } minutes
  }
duration-hours = { $count ->
    [one] { $count } hour
   *[other] { $count } hours
  }
duration-days = { $count ->
    [one] { $count } day
   *[other] { $count } days
  }
legend-seed = seed
legend-pod = pod
legend-way-pod = link to a pod
legend-direct = direct link to a seed
legend-relayed = link through the pod's relay

## People
people-title = People
people-choose = Choose someone to see how far their key is believed.
people-empty = The people you write with will be here.
people-list = People
person-write = Write
person-compare = Compare fingerprints
person-compare-how = Read these to each other, on the phone or face to face. If both match, nobody sits between you.
person-theirs = Fingerprint of { $address }
person-yours = Your fingerprint
person-match = They match
person-block = Block
person-blocked = blocked
person-request = asks to write to you

## Settings
settings-title = Settings
settings-you = You
settings-address = Address
settings-fingerprint = Fingerprint
settings-identity = Identity file
settings-saved = Saved to a file.
settings-unsaved = Not saved yet.
settings-restore = Restore from a file
settings-pod = Pod
settings-pod-host = Host
settings-pod-link = Connection
settings-pod-seed = This seed
settings-storage = Storage
settings-storage-used = { $used } used of { $quota } that this browser allows.
settings-storage-persisted = The browser keeps it until you clear it.
settings-storage-unpersisted = The browser may clear it when it needs room.
settings-storage-ask = Ask the browser to keep it
settings-storage-refused = The browser said no. It may agree once you use this page more often or install it.
settings-appearance = Appearance
appearance-system = As the system
appearance-light = Light
appearance-dark = Dark
settings-about = About
about-what = Sealed messages, kept by seeds such as this page and introduced by pods.
about-version = Version
about-licence = Licence

## Sizes
size-bytes = { $n } B
size-kib = { $n } KB
size-mib = { $n } MB
size-gib = { $n } GB
day-today = Today
day-yesterday = Yesterday

## Failures: what happened, what was kept, what to do. One for every code.
failure-MALFORMED = The answer was not understood, and nothing was changed. Please try again; if it stays, the pod and this page may be of different versions.
failure-UNSUPPORTED = This needs a newer version of Muttr. Nothing is lost; load the page again to get it.
failure-TOO_LARGE = This is too long to send in one piece. What you wrote is still in the box; please shorten it.
failure-RATE_LIMITED = That was too much at once for the pod. Nothing is lost; please wait a moment and try again.
failure-BUSY = The pod has too much to do at the moment. Nothing is lost; please try again in a moment.
failure-QUOTA = There is no room left. What was stored before is kept; free some space or allow more, then try again.
failure-STORAGE_FAILED = This browser could not write to its storage, so nothing was changed. Free some space, or leave private browsing, and try again.
failure-TIMED_OUT = No answer came in time. Nothing is lost; please try again.
failure-ALIAS_INVALID = That cannot be an address here: an alias has small letters and digits, with . _ - between them.
failure-ALIAS_TAKEN = Someone else has that alias. Please choose another one.
failure-ALIAS_RESERVED = That alias is kept for whoever runs the pod. Please choose another one.
failure-NOT_FOUND = Nobody has that address. Please check how it is spelled; what you wrote is kept.
failure-FOREIGN_POD = That address is at another pod, with which this pod does not deal. What you wrote is kept; you can write to people at this pod.
failure-BINDING_EXPIRED = Whoever owns that address has not been here for long, so it takes no messages for now. What you wrote is kept; try again once they are back.
failure-KEY_CHANGED = The key of that address is not the one known before, so nothing was sent. Compare fingerprints with them another way, then decide on their page under People.
failure-ALIASES_EXHAUSTED = Your identity has as many aliases as it may have. The ones you have stay yours.
failure-ALIAS_REQUIRED = You need an alias first, so that the answer can reach you. What you wrote is kept; choose one and send again.
failure-BINDING_STALE = Your alias was renewed elsewhere in the meantime, so this renewal was not taken. Nothing is lost; please load the page again.
failure-MOVED = Whoever had that address has moved and takes messages at another one. What you wrote is kept here; send it there.
failure-UNIDENTIFIED = The pod does not know who you are at the moment. Nothing is lost; please load the page again.
failure-BAD_SIGNATURE = The pod did not accept the proof of who you are. Your identity and messages are kept here; restore your identity from its file if it stays.
failure-WRONG_HOST = The pod goes by another name than the one in the address bar. Your messages are kept; please open the page under the pod's own name.
failure-POD_KEY_CHANGED = The pod's key is not the one known before, so this page stopped talking to it. Your messages are kept; ask whoever runs the pod whether the change is theirs.
failure-REPLACED = The same identity was opened elsewhere, which took over. Your messages are kept; load the page again to continue here.
failure-TAMPERED = Something on the way to the pod changed what was said, so this page hung up. Nothing is lost; it connects again by itself.
failure-CERTIFICATE_UNUSABLE = That person's certificate has expired or was withdrawn, so nothing can be sealed for them. What you wrote is kept; ask them another way to come back and renew it.
failure-NO_RECORD = The sealed message is not there at the moment. It is not given up; it is looked for again by itself.
failure-EXPIRED = The message has expired, and the network no longer keeps it. Your own copy is here; send it again if it still matters.
failure-NO_STAMP = The network wants a proof of work that this version did not give. Nothing is lost; load the page again to get a newer version.
failure-WRONG_BYTES = Someone handed over other bytes than were asked for. They were thrown away; the message is looked for elsewhere.
failure-UNWILLING = That seed keeps nothing for others. Others are asked instead.
failure-RELEASED = The message was opened by whoever it was for, so the network no longer keeps it. Nothing needs to be done.
failure-WRONG_TOKEN = The network did not give that message up, because the proof was not the right one. It expires by itself.
failure-LOST = Your pod looked for the sealed message, and nobody has it any more. What you wrote is kept here; send it again.
failure-TOO_FAR = The way ended before it came to the seeds that keep such messages. They are looked for in another way.
failure-MAILBOX_FULL = The mailbox of the recipient is full. The message is kept here and sent again by itself.
failure-STRANGERS_FULL = The recipient takes no more first messages for now. The message is kept here and sent again by itself.
failure-POD_UNREACHABLE = The pod cannot be reached. What you wrote is kept here and sent when it answers.
failure-CLOCK_WRONG = The clocks of the two pods differ by more than a few minutes, so the other one takes nothing. What you wrote is kept and goes out once whoever runs them has set the clock.
failure-POD_DISHONEST = The other pod said something that it cannot prove, so nothing was given to it. What you wrote is kept; it is tried again by itself.
failure-NO_SUCH_POD = There is no pod of that name. Please check what stands after the @; what you wrote is kept.
failure-OFFLINE = You are not connected. What you wrote is kept here and sent when you are.
failure-UNREADABLE = A message that arrived could not be opened, and was set aside. Ask its sender to write again.
failure-BAD_PASSPHRASE = The passphrase is wrong, or the file is damaged. Nothing was changed; please try again.
failure-BAD_IDENTITY = That file holds no identity that can be used here. Nothing was changed; please choose the file you saved from Muttr.
failure-NO_IDENTITY = There is no identity here yet. Load the page again to make one, or restore yours from its file.
failure-INSECURE_CONTEXT = Browsers do not allow encryption on a page that came over plain http, so nothing was started or stored. Please open it over https, or as localhost on the pod's own machine.
failure-INSTANCE_DEAD = Something went wrong inside this page, and it stopped to be safe. What was stored is kept; load it again to continue.
failure-ALREADY_OPEN = Muttr is already open in another tab of this browser. Everything is kept; use that tab, or close it and continue here.
failure-CLOSED = This page has left the network. Everything is kept; load it again to come back.
failure-MISUSE = The page asked for something in the wrong way, which is a mistake of ours. Nothing was changed; please load it again.
failure-UNKNOWN = Something unexpected happened, and it was not done. What was stored is kept; please try again.

## Why a message to somebody of another pod is not further.
elsewhere-POD_UNREACHABLE = { $host } does not answer. The message is kept by { $held } and is announced there as soon as it does.
elsewhere-TIMED_OUT = { $host } takes too long to answer. The message is kept by { $held }; it is tried again by itself.
elsewhere-NO_SUCH_POD = Nothing is known of { $host } at the moment. The message is kept by { $held }; it is tried again until it expires.
elsewhere-POD_DISHONEST = { $host } could not prove what it said. The message is kept by { $held }; it is tried again by itself.
elsewhere-CLOCK_WRONG = The clocks of { $host } and of your pod differ too much. The message is kept by { $held } and goes out once they agree.
elsewhere-RATE_LIMITED = { $host } asks for a little patience. The message is kept by { $held }; it is tried again by itself.
elsewhere-BUSY = { $host } has too much to do at the moment. The message is kept by { $held }; it is tried again by itself.
elsewhere-MAILBOX_FULL = The mailbox at { $host } is full. The message is kept by { $held } and is announced once there is room.
elsewhere-STRANGERS_FULL = At { $host } there is no room for first messages at the moment. The message is kept by { $held }; it is tried again by itself.
