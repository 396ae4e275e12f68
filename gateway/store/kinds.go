package store

import "slices"

// Kind says what an [Entry] tells. Every kind is here. All entries say when
// (At), who (Actor), from where (Address) and whether it succeeded; the rest
// is said per kind. "Data" lists the keys of [Entry.Data] that the store
// itself fills in; a caller may add others.
type Kind string

// What the gateway and its keepers do.
const (
	// GatewayStarted: the gateway serves. Without a GatewayStopped before it,
	// the one before was killed or lost power.
	GatewayStarted Kind = "gateway.started"
	// GatewayStopped: the gateway was told to stop, and did.
	GatewayStopped Kind = "gateway.stopped"
	// ConfigLoaded: people, keys or policy were read anew, or (no success)
	// refused and the old ones stay in force. Data: file, after (what made the
	// gateway read it), sha256 (of the file) or error.
	ConfigLoaded Kind = "config.loaded"
	// ClockStepped: the wall clock was set while the gateway ran, or the
	// machine slept. Data: by (a duration with its sign).
	ClockStepped Kind = "clock.stepped"
)

// What people do at the front door.
const (
	// LoginAccepted: Actor proved a key that is known.
	LoginAccepted Kind = "login.accepted"
	// LoginDenied: someone, or a device, was turned away. No success.
	LoginDenied Kind = "login.denied"
	// LoginCode: Actor, having proved a key, gave a one-time code. Data: key;
	// without success why, misses (in a row).
	LoginCode Kind = "login.code"
	// PersonLocked, PersonUnlocked: Actor barred a person, or ended that. Data:
	// person, reason.
	PersonLocked   Kind = "person.locked"
	PersonUnlocked Kind = "person.unlocked"
	// CharterSigned: Actor signed the charter. Data: version, digest (SHA-256
	// of the text), key, typed (the name).
	CharterSigned Kind = "charter.signed"
	// RecordingViewed: Actor looked at the recording of Visit, or was refused.
	RecordingViewed Kind = "recording.viewed"
	// LogViewed: Actor read this log, or proved it. Data: which part of it.
	LogViewed Kind = "log.viewed"
	// TokenMade: Actor made a token for one enrolment. Data: token (the start
	// of its hash), name, expires.
	TokenMade Kind = "token.made"
)

// What happens to Device.
const (
	// DeviceEnrolled: it spent a token. Data: key, token (as in TokenMade),
	// class.
	DeviceEnrolled Kind = "device.enrolled"
	// DeviceOnline: it called home. Data: key.
	DeviceOnline Kind = "device.online"
	// DeviceChanged: its owner put it into another class, which says whether
	// somebody must consent there. Data: key, from, to.
	DeviceChanged Kind = "device.changed"
	// DeviceAway: its link ended. Data: key, why.
	DeviceAway Kind = "device.away"
	// DeviceQuarantined: no visit may be asked for or opened on it. Data: key,
	// why.
	DeviceQuarantined Kind = "device.quarantined"
	// DeviceReleased: Actor ended its quarantine. Data: key.
	DeviceReleased Kind = "device.released"
	// DeviceRenamed: Actor gave it another name. Data: key, to.
	DeviceRenamed Kind = "device.renamed"
	// DeviceLabelled: Actor changed its labels. Data: key, labels.
	DeviceLabelled Kind = "device.labelled"
	// DeviceRetired: Actor took it out of service; its key is admitted no more.
	// Data: key, why.
	DeviceRetired Kind = "device.retired"
	// DeviceRekeyed: Actor had it take another key; the old one is admitted no
	// more. Data: key, to, statement (SHA-256 of what both keys signed).
	DeviceRekeyed Kind = "device.rekeyed"
	// DeviceUpdate: what became of an order to run another release. Data: key, step
	// (ordered, taken, done, refused, went back, cancelled), version, manifest
	// (SHA-256 of what was signed), back ("yes" or nothing), why. No success where it
	// was refused or the device went back.
	DeviceUpdate Kind = "device.update"
)

// What happens to Visit, on Device.
const (
	// VisitRequested: Actor asks. Data: key (of the device), technician_key,
	// reason, ticket, capabilities, login, minutes.
	VisitRequested Kind = "visit.requested"
	// VisitAnswered: the device's user decided, or nobody did. Success is an
	// approval. Data: answer, cause, granted, until, later, consent (SHA-256
	// of the signed statement).
	VisitAnswered Kind = "visit.answered"
	// VisitOpened: the recording runs and access is open. Data: folder.
	VisitOpened Kind = "visit.opened"
	// VisitExtended: the device's user decided about more in it, or nobody did.
	// Success is an approval. Data: asked, answer, granted, cause, consent (as in
	// VisitAnswered).
	VisitExtended Kind = "visit.extended"
	// VisitWatched: Actor begins or ends to watch, or to type in it. Data: what
	// (watched or hands, begins or ends), role (supervisor or colleague).
	VisitWatched Kind = "visit.watched"
	// VisitEnded: access is closed. Data: state (ended or interrupted), by,
	// cause.
	VisitEnded Kind = "visit.ended"
	// RecordingSealed: the visit's recording can't grow any more. Data: seq
	// and head (of its chain), ending (SHA-256 of the device's signed
	// statement, if it came).
	RecordingSealed Kind = "recording.sealed"
	// VisitNoted: the technician's closing note. Data: note.
	VisitNoted Kind = "visit.noted"
)

// What happens to an override. Data: override (its number), technician,
// exercise ("yes" or nothing) in all of them.
const (
	// OverrideAsked: Actor asks for one. Data: technician_key, key (of the
	// device), until, needed, statement (SHA-256 of what is to be signed).
	OverrideAsked Kind = "override.requested"
	// OverrideSigned: Actor signed it. Data: signer_key, signatures, needed,
	// signature (SHA-256).
	OverrideSigned Kind = "override.signed"
	// OverrideGranted: that was the last signature that it needed. Data: until.
	OverrideGranted Kind = "override.approved"
	// OverrideClosed: Actor denied it, took it back, or, a device, refused it.
	// Data: state, cause.
	OverrideClosed Kind = "override.denied"
	// OverrideTaken: the device opened Visit by it. Data: technician_key,
	// signer_1, signer_2 (name and key).
	OverrideTaken Kind = "override.used"
	// OverrideSettled: Actor reviewed it. Data: verdict, note.
	OverrideSettled Kind = "override.reviewed"
	// OverrideOverdue: nobody reviewed it in time. Data: due. No success.
	OverrideOverdue Kind = "override.overdue"
)

// What happens around overrides.
const (
	// RosterChanged: the list of supervisors that devices pin. Data: version,
	// state (proposed, withdrawn, signed, in force), statement (SHA-256), signer.
	RosterChanged Kind = "roster.changed"
	// RosterPinned: Device said which list it has. Data: version, why (it did
	// not take the newest).
	RosterPinned Kind = "roster.pinned"
	// AlertStranger: the device's user did not know who asked for Visit. Data:
	// technician.
	AlertStranger Kind = "alert.stranger"
	// WebhookLost: for a day the webhook could not be told of an entry. Data:
	// entry (its number), why. No success.
	WebhookLost Kind = "webhook.lost"
)

var kinds = []Kind{
	GatewayStarted, GatewayStopped, ConfigLoaded, ClockStepped,
	LoginAccepted, LoginDenied, LoginCode, PersonLocked, PersonUnlocked, CharterSigned, RecordingViewed, LogViewed, TokenMade,
	DeviceEnrolled, DeviceOnline, DeviceChanged, DeviceAway, DeviceQuarantined, DeviceReleased, DeviceRenamed, DeviceLabelled, DeviceRetired, DeviceRekeyed, DeviceUpdate,
	VisitRequested, VisitAnswered, VisitOpened, VisitExtended, VisitWatched, VisitEnded, RecordingSealed, VisitNoted,
	OverrideAsked, OverrideSigned, OverrideGranted, OverrideClosed, OverrideTaken, OverrideSettled, OverrideOverdue,
	RosterChanged, RosterPinned, AlertStranger, WebhookLost,
}

// Known reports whether k is one of the kinds above.
func (k Kind) Known() bool { return slices.Contains(kinds, k) }
