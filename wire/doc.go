// Package wire holds what gateway and agent must agree on: the names of
// channels and requests, the messages and their limits, the statements that
// are signed, the algorithms, and how text from outside is made safe to show.
//
// The agent dials the gateway and then serves SSH on that connection, as RFC
// 8071 does for NETCONF. The gateway is the SSH client. It first opens one
// [ChannelHello], then one [ChannelVisit] per visit, and [ChannelSession]s
// that name the visit they belong to. A visit lives exactly as long as its
// visit channel.
package wire

import "time"

// Version of the protocol, sent in every message. A peer that sees another
// one says so and closes.
const Version = 1

// Channel types (RFC 4254, section 5.1; private names as RFC 4250, 4.6.1).
const (
	ChannelHello   = "hello@accord"
	ChannelVisit   = "visit@accord"
	ChannelSession = "session"
	// ChannelScreen carries the device's screen as RFB 3.8 (RFC 6143) with
	// security type None: the agent is the server, whatever lies behind it. Its
	// open message names the visit as that of a [ChannelSession] does. The agent
	// closes it while the user has paused the visit.
	ChannelScreen = "screen@accord"
)

// RequestPing is the global request that both ends send to see that the other
// lives; it is always answered.
const RequestPing = "ping@accord"

// User is the SSH user name that the gateway gives to the agent. It proves
// nothing: the agent admits the pinned key alone.
const User = "accord"

// Times of the protocol.
const (
	// PingEvery is the interval of [RequestPing] in both directions.
	PingEvery = 15 * time.Second
	// PingMisses are the unanswered intervals after which a link is dead.
	PingMisses = 3
	// HeadEvery is the interval at which the gateway tells the agent the head
	// of a running visit's recording.
	HeadEvery = 5 * time.Second
	// HeadLost is how long the agent lets a visit live without a [Head]: a
	// gateway that goes quiet may have stopped recording.
	HeadLost = 45 * time.Second
	// Handshake bounds the time from accept to a finished hello.
	Handshake = 20 * time.Second
	// Settle bounds how long either side waits for the other's last word when
	// a visit has ended. Access is closed before that wait begins.
	Settle = 2 * time.Second
	// PromptLongest is the longest time a prompt waits for its answer, however
	// often it is extended.
	PromptLongest = 10 * time.Minute
	// VisitLongest is the longest visit a device accepts.
	VisitLongest = 12 * time.Hour
)

// Sizes of the protocol.
const (
	// MaxMessage bounds one message in bytes.
	MaxMessage = 64 << 10
	// MaxSessions bounds the open sessions of one visit.
	MaxSessions = 16
	// MaxVisits bounds the visit channels of one device, waiting ones included.
	MaxVisits = 8
)
