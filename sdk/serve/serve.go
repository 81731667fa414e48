// Package serve turns a declared plugin into a process that xlrun can drive.
//
// One call is all a plugin's main needs:
//
//	func main() {
//		serve.Plugin(sdk.Plugin{Name: "hash", Version: "0.1.0", Components: []sdk.Component{Hash}})
//	}
//
// The one thing to know: the process belongs to the host. Its standard output
// carries the handshake and is then joined to standard error, interrupts are
// ignored, and it ends when the host does. A panic in a component becomes an
// error of that call. Panics in goroutines that a component starts do end the
// process, as always in Go; the host reports the stack and starts another. What
// a component's open function returns is closed, if it is an io.Closer, when
// the host lets go of it.
package serve

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/xlrun/xlrun/internal/wire"
	"github.com/xlrun/xlrun/internal/wire/pluginpb"
	"github.com/xlrun/xlrun/sdk"
)

// Plugin serves p to the host that started this process, and returns when the
// host is done with it. Started by hand, or with a declaration that does not
// hold, it says so on standard error and exits with status 1.
func Plugin(p sdk.Plugin) {
	if err := run(p); err != nil {
		fmt.Fprintf(os.Stderr, "plugin %q: %v\n", p.Name, err)
		os.Exit(1)
	}
}

func run(p sdk.Plugin) error {
	if p.Name == "" || p.Version == "" {
		return fmt.Errorf("declare a name and a version in sdk.Plugin")
	}
	if err := p.Validate(); err != nil {
		return err
	}
	if os.Getenv(wire.CookieKey) != wire.CookieValue {
		return byHand(p)
	}
	if os.Getenv("PLUGIN_CLIENT_CERT") != "" {
		return fmt.Errorf("the host asks for TLS, which this version of the SDK does not speak; it needs none, the socket is private")
	}
	signal.Ignore(os.Interrupt)
	handshake, err := takeStdout()
	if err != nil {
		return err
	}
	holdLifeline(os.Getenv(wire.LifelineEnv))
	// A child of this process is not a plugin.
	for _, key := range []string{wire.CookieKey, wire.LifelineEnv} {
		if err := os.Unsetenv(key); err != nil {
			return err
		}
	}

	srv := newServer(p)
	// go-plugin's test mode is the same server without the handling of
	// standard output, which it would turn into a stream of small messages
	// that a crash cuts off. Ours are plain file descriptors.
	ready, done := make(chan *goplugin.ReattachConfig, 1), make(chan struct{})
	go goplugin.Serve(&goplugin.ServeConfig{
		VersionedPlugins: map[int]goplugin.PluginSet{wire.Protocol: {wire.Service: &service{server: srv}}},
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts,
				grpc.InitialWindowSize(wire.StreamWindow), grpc.InitialConnWindowSize(wire.ConnWindow),
				grpc.ReadBufferSize(wire.SocketBuffer), grpc.WriteBufferSize(wire.SocketBuffer))...)
		},
		Logger: hclog.New(&hclog.LoggerOptions{Name: p.Name, Level: hclog.Error, Output: os.Stderr, JSONFormat: true}),
		Test:   &goplugin.ServeTestConfig{ReattachConfigCh: ready, CloseCh: done},
	})
	select {
	case r := <-ready:
		line := fmt.Sprintf("%d|%d|%s|%s|%s|\n", goplugin.CoreProtocolVersion, r.ProtocolVersion, r.Addr.Network(), r.Addr.String(), r.Protocol)
		if _, err := handshake.WriteString(line); err != nil {
			return fmt.Errorf("handshake: %w", err)
		}
		if err := handshake.Close(); err != nil {
			return fmt.Errorf("handshake: %w", err)
		}
	case <-done:
		return fmt.Errorf("the server did not start; see above")
	}
	<-done
	return nil
}

func byHand(p sdk.Plugin) error {
	fmt.Fprintf(os.Stderr, "This is %s %s, a plugin of xlrun. It serves:\n", p.Name, p.Version)
	for _, c := range p.Components {
		fmt.Fprintf(os.Stderr, "  %s %q  %s\n", c.Kind, c.Name, c.Doc)
	}
	fmt.Fprintf(os.Stderr, "xlrun starts it when a study names one of them. To see what they take, run: xlrun plugin list -source %s\n", os.Args[0])
	return fmt.Errorf("not started by xlrun")
}

// holdLifeline ends the process when the host does: the host holds the other
// end of a pipe, which the system closes however the host dies.
func holdLifeline(fd string) {
	n, err := strconv.Atoi(fd)
	if err != nil || n < 3 {
		return
	}
	f := os.NewFile(uintptr(n), "lifeline")
	if f == nil {
		return
	}
	closeOnExec(n)
	go func() {
		var b [1]byte
		for {
			if _, err := f.Read(b[:]); err != nil {
				os.Exit(1)
			}
		}
	}()
}

// service registers a server with go-plugin.
type service struct {
	goplugin.NetRPCUnsupportedPlugin
	server *server
}

var _ goplugin.GRPCPlugin = (*service)(nil)

func (s *service) GRPCServer(_ *goplugin.GRPCBroker, g *grpc.Server) error {
	pluginpb.RegisterPluginServiceServer(g, s.server)
	pluginpb.RegisterLoaderServiceServer(g, s.server)
	pluginpb.RegisterEncoderServiceServer(g, s.server)
	pluginpb.RegisterIndexServiceServer(g, s.server)
	pluginpb.RegisterMetricServiceServer(g, s.server)
	return nil
}

func (s *service) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, fmt.Errorf("package serve has no client")
}
