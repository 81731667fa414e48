// Package wire is the protocol between host and plugin in Go: its constants,
// the streams of records, and flat functions between sdk types and messages.
//
// The one thing to know: bulk content crosses as a sequence of bytes cut into
// pieces, so that no message reaches gRPC's default limit and a text may be as
// long as it likes; what stands in the bytes is said in sdk/proto. The package
// knows nothing of processes: pluginhost and serve do.
package wire

import "time"

// What both sides must agree on before the first message.
const (
	// Protocol is the major version, negotiated by go-plugin.
	Protocol = 1
	// CookieKey and CookieValue tell a plugin that a host started it. They are
	// no secret.
	CookieKey   = "XLRUN_PLUGIN"
	CookieValue = "c0f2d1d24a6b4fd5a8f0f2a3b6a1c4e7"
	// Service is the key of the plugin set.
	Service = "xlrun"
	// LifelineEnv names the file descriptor that a plugin reads: the host is
	// gone when it ends.
	LifelineEnv = "XLRUN_LIFELINE_FD"
)

// Metadata keys.
const (
	MetaRun  = "xlrun-run-id"
	MetaStep = "xlrun-step"
	MetaCall = "xlrun-call"
)

// CapStatus is the capability of plugins that list cancelled calls in Status
// until the component has let go of them.
const CapStatus = "status"

// Limits.
const (
	// ChunkBytes is how many bytes of content go into a message.
	ChunkBytes = 1 << 20
	// MaxRecord is the length of the longest record that is accepted; more is
	// taken for a broken stream.
	MaxRecord = 1 << 30
	// Window is how many texts may be unanswered in Encode.
	Window = 4096
	// Heartbeat is how often a plugin that works shows that it is alive. The
	// protocol asks for five seconds.
	Heartbeat = 2 * time.Second
	// ProgressEvery is how often a plugin reports progress at most.
	ProgressEvery = 100 * time.Millisecond
	// StreamWindow and ConnWindow are HTTP/2 flow control windows, large
	// enough for a few chunks to be under way.
	StreamWindow = 4 << 20
	ConnWindow   = 32 << 20
	// SocketBuffer is the size of gRPC's read and write buffers.
	SocketBuffer = 256 << 10
)
