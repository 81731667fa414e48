package pluginhost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	"github.com/xlrun/xlrun/internal/wire"
	"github.com/xlrun/xlrun/internal/wire/pluginpb"
	"github.com/xlrun/xlrun/sdk"
)

// process is one plugin process, from start to death. There is no second life:
// after a crash the host makes a new one.
type process struct {
	host       *Host
	spec       Spec
	slot       int
	run        *program
	client     *goplugin.Client
	conn       *grpc.ClientConn
	info       *pluginpb.GetInfoResponse
	components []sdk.Info
	handles    handles
	stopping   atomic.Bool // we end it; whoever is calling is told so
}

func (p *process) alive() bool {
	select {
	case <-p.run.died:
		return false
	default:
		return !p.stopping.Load()
	}
}

func (p *process) can(capability string) bool {
	return slices.Contains(p.info.GetCapabilities(), capability)
}

// start starts a plugin and asks it what it offers.
func (h *Host) start(caller context.Context, spec Spec, slot int) (*process, error) {
	ctx, cancel := context.WithTimeout(caller, h.cfg.StartTimeout)
	defer cancel()
	log, err := newTail(h.cfg.Logger.Named(spec.Name), h.cfg.LogDir, fmt.Sprintf("%s-%d.log", spec.Name, slot))
	if err != nil {
		return nil, &Error{Fault: FaultMachine, Plugin: spec.Name, Doing: "start", Err: err}
	}
	p := &process{host: h, spec: spec, slot: slot}
	p.run = &program{log: log, died: make(chan struct{}), reaped: make(chan struct{}), env: environment(spec, h.cfg), spec: spec, dir: h.dir}
	p.client = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  goplugin.HandshakeConfig{MagicCookieKey: wire.CookieKey, MagicCookieValue: wire.CookieValue},
		VersionedPlugins: map[int]goplugin.PluginSet{wire.Protocol: {wire.Service: connPlugin{}}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
			return p.run, p.run.prepare(cmd.Env)
		},
		SkipHostEnv:      true,
		StartTimeout:     h.cfg.StartTimeout,
		Stderr:           log,
		Logger:           hclog.NewNullLogger(), // we say ourselves what happens, once
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: h.dir},
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithInitialWindowSize(wire.StreamWindow), grpc.WithInitialConnWindowSize(wire.ConnWindow),
			grpc.WithReadBufferSize(wire.SocketBuffer), grpc.WithWriteBufferSize(wire.SocketBuffer),
		},
	})
	// go-plugin's start knows no context: killing the process ends it.
	unhook := context.AfterFunc(ctx, p.run.kill)
	defer unhook()
	err = p.connect(ctx)
	if err == nil {
		return p, nil
	}
	var exit string
	ended := over(ctx)
	if p.run.startErr == nil && ended == nil {
		if status, killed := p.run.exit(time.Second); !killed {
			exit = status
		}
	}
	p.stop()
	switch {
	case h.life.Err() != nil:
		return nil, fmt.Errorf("start plugin %q: %w", spec.Name, errClosed)
	case ended != nil:
		// The caller's end, or that of the time a start may take.
		if theirs := over(caller); theirs != nil {
			return nil, fmt.Errorf("start plugin %q: %w", spec.Name, theirs)
		}
	}
	return nil, p.startError(ended != nil, err, exit)
}

func (p *process) startError(late bool, err error, exit string) error {
	e := &Error{Fault: FaultPlugin, Plugin: p.spec.Name, Doing: "start", Exit: exit, Stderr: p.run.log.lines(0), Err: err}
	command := strings.Join(p.spec.Command, " ")
	first := strings.TrimSpace(p.run.firstLine())
	fields := strings.Split(first, "|")
	switch {
	case p.run.startErr != nil:
		e.Fault = FaultMachine
		e.Err = fmt.Errorf("run %s: %w", command, p.run.startErr)
		if errors.Is(p.run.startErr, exec.ErrNotFound) || errors.Is(p.run.startErr, fs.ErrNotExist) {
			e.Err = fmt.Errorf("there is no program %q: install the plugin, or correct its command: %w", p.spec.Command[0], p.run.startErr)
		}
	case late:
		e.Retryable = true
		e.Err = fmt.Errorf("%s was not ready within %s; models are to be loaded when a component is opened, not at start", command, p.host.cfg.StartTimeout)
	case len(fields) >= 4 && fields[0] == strconv.Itoa(goplugin.CoreProtocolVersion) && fields[1] != strconv.Itoa(wire.Protocol):
		e.Err = fmt.Errorf("it speaks protocol %s, this xlrun speaks %d: install a version of the plugin made for this xlrun", fields[1], wire.Protocol)
	case len(fields) < 4 && first != "":
		e.Err = fmt.Errorf("%s printed %q where the handshake should be: is it a plugin of xlrun?", command, first)
	case first == "":
		e.Err = fmt.Errorf("%s ended before it was ready", command)
	}
	return e
}

// connect starts the process, shakes hands and reads the declaration.
func (p *process) connect(ctx context.Context) error {
	protocol, err := p.client.Client()
	if err != nil {
		return err
	}
	raw, err := protocol.Dispense(wire.Service)
	if err != nil {
		return err
	}
	p.conn = raw.(*grpc.ClientConn)
	if p.info, err = pluginpb.NewPluginServiceClient(p.conn).GetInfo(ctx, &pluginpb.GetInfoRequest{}); err != nil {
		return fmt.Errorf("declaration: %w", err)
	}
	for _, c := range p.info.GetComponents() {
		i, err := wire.Component(c)
		if err != nil {
			return fmt.Errorf("declaration: %w", err)
		}
		p.components = append(p.components, i)
	}
	return nil
}

// stop ends the process: politely at first, then not. It takes no longer than
// KillGrace and a second.
func (p *process) stop() {
	p.stopping.Store(true)
	done := make(chan struct{})
	go func() {
		// Kill asks and then waits for the process without end.
		p.client.Kill()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(p.host.cfg.KillGrace):
		p.run.kill()
		select {
		case <-done:
		case <-time.After(time.Second):
		}
	}
	p.run.kill()
	p.run.close()
}

// connPlugin gives the host the connection itself.
type connPlugin struct {
	goplugin.NetRPCUnsupportedPlugin
}

var _ goplugin.GRPCPlugin = connPlugin{}

func (connPlugin) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error {
	return errors.New("the host serves nothing")
}

func (connPlugin) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return c, nil
}

// program runs the command for go-plugin, in a process group of its own, bound
// to our life by a pipe and, on Linux, by a parent-death signal.
type program struct {
	spec Spec
	env  []string
	dir  string // for the socket
	log  *tail

	cmd      *exec.Cmd
	stdout   io.ReadCloser
	stderr   io.ReadCloser
	startErr error
	lifeline *os.File

	mu    sync.Mutex
	first []byte // of standard output
	pid   int

	died   chan struct{} // closed when the process has ended
	reaped chan struct{} // closed when its status is known and its output read
	once   sync.Once
}

var _ runner.Runner = (*program)(nil)

func (r *program) prepare(handshake []string) error {
	command := r.spec.Command[0]
	if r.spec.Dir != "" && strings.ContainsRune(command, filepath.Separator) && !filepath.IsAbs(command) {
		command = filepath.Join(r.spec.Dir, command)
	}
	r.cmd = exec.Command(command, r.spec.Command[1:]...)
	r.cmd.Dir = r.spec.Dir
	// A shorter directory than go-plugin's own, which lies one level down.
	r.cmd.Env = append(append(slices.Clone(r.env), handshake...),
		goplugin.EnvUnixSocketDir+"="+r.dir, wire.LifelineEnv+"=3")
	setAttributes(r.cmd)
	var err error
	if r.stdout, err = r.cmd.StdoutPipe(); err != nil {
		return err
	}
	r.stderr, err = r.cmd.StderrPipe()
	return err
}

// spawner starts processes from one thread that never ends: the parent-death
// signal is sent when the starting thread ends (golang.org/issue/27505).
var spawner = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

// Start starts the process.
func (r *program) Start(context.Context) error {
	theirs, ours, err := os.Pipe()
	if err != nil {
		r.startErr = err
		return err
	}
	r.cmd.ExtraFiles = []*os.File{theirs}
	r.lifeline = ours
	done := make(chan error)
	spawner() <- func() { done <- r.cmd.Start() }
	err = <-done
	_ = theirs.Close()
	if err != nil {
		_ = ours.Close()
		r.startErr = err
		return err
	}
	pid := r.cmd.Process.Pid
	r.mu.Lock()
	r.pid = pid
	r.mu.Unlock()
	go func() {
		if awaitDeath(pid) {
			// Children that it left behind would hold its output open.
			r.kill()
			r.once.Do(func() { close(r.died) })
		}
	}()
	return nil
}

// Wait waits for the process and what it printed. go-plugin calls it once.
func (r *program) Wait(context.Context) error {
	if awaitDeath(r.cmd.Process.Pid) {
		r.kill()
	}
	err := r.cmd.Wait()
	r.mu.Lock()
	r.pid = 0 // the number may belong to another one now
	r.mu.Unlock()
	r.log.flush()
	r.once.Do(func() { close(r.died) })
	close(r.reaped)
	return err
}

// kill ends the process and everything it has started. It may be called at any
// time.
func (r *program) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pid != 0 {
		killGroup(r.pid)
	}
}

// Kill ends the process.
func (r *program) Kill(context.Context) error {
	r.kill()
	return nil
}

// exit waits up to d for the end of the process and says how it ended.
func (r *program) exit(d time.Duration) (status string, killed bool) {
	select {
	case <-r.reaped:
		return describeExit(r.cmd.ProcessState)
	case <-time.After(d):
		return "", false
	}
}

func (r *program) close() {
	if r.lifeline != nil {
		_ = r.lifeline.Close()
	}
	r.log.close()
}

// Stdout is read by go-plugin for the handshake. What comes after the first
// line goes to the log: a plugin may print as it likes.
func (r *program) Stdout() io.ReadCloser { return &handshakeReader{program: r} }

// Stderr is read by go-plugin, which copies it to the log.
func (r *program) Stderr() io.ReadCloser { return r.stderr }

// Name is for go-plugin's log.
func (r *program) Name() string { return r.spec.Name }

// ID is the process number.
func (r *program) ID() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strconv.Itoa(r.pid)
}

// Diagnose says nothing: startError does.
func (r *program) Diagnose(context.Context) string { return "" }

// PluginToHost changes nothing.
func (r *program) PluginToHost(network, addr string) (string, string, error) {
	return network, addr, nil
}

// HostToPlugin changes nothing.
func (r *program) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}

func (r *program) firstLine() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.first)
}

// maxHandshake is far more than a handshake needs.
const maxHandshake = 4 << 10

// handshakeReader passes the first line on and sends the rest to the log, so
// that no amount of output can fill the pipe and stop the plugin.
type handshakeReader struct {
	*program
	over bool
	buf  []byte
}

func (h *handshakeReader) Read(p []byte) (int, error) {
	if h.over {
		return 0, h.drain()
	}
	n, err := h.stdout.Read(p[:min(len(p), maxHandshake)])
	line, rest, whole := bytes.Cut(p[:n], []byte("\n"))
	h.mu.Lock()
	h.first = append(h.first, line...)
	h.over = whole || len(h.first) >= maxHandshake
	h.mu.Unlock()
	if whole {
		_, _ = h.log.Write(rest)
		return len(line) + 1, err
	}
	return n, err
}

func (h *handshakeReader) drain() error {
	h.buf = make([]byte, 32<<10)
	for {
		n, err := h.stdout.Read(h.buf)
		_, _ = h.log.Write(h.buf[:n])
		if err != nil {
			return err
		}
	}
}

func (h *handshakeReader) Close() error { return h.stdout.Close() }

// passed lists the variables that a plugin inherits: where things are, and
// nothing that could steer a result unseen.
var passed = []string{
	"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TMP", "TEMP", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "SYSTEMROOT",
	"XLRUN_SIMD", // which kernels score; it changes no result
	"XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "GOCOVERDIR",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
	"CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HF_HOME", "HF_HUB_OFFLINE", "HF_TOKEN",
}

// environment is what a plugin sees of ours, and its caps. The last of equal
// names counts.
func environment(spec Spec, cfg Config) []string {
	var env []string
	for _, key := range passed {
		if v, ok := os.LookupEnv(key); ok {
			env = append(env, key+"="+v)
		}
	}
	if cfg.Threads > 0 {
		for _, key := range []string{"GOMAXPROCS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"} {
			env = append(env, key+"="+strconv.Itoa(cfg.Threads))
		}
	}
	if cfg.MemoryMiB > 0 {
		env = append(env, fmt.Sprintf("GOMEMLIMIT=%dMiB", cfg.MemoryMiB))
	}
	for key, v := range spec.Env {
		env = append(env, key+"="+v)
	}
	return env
}
