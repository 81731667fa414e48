package main

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/xlrun/xlrun/internal/cas"
	"github.com/xlrun/xlrun/internal/pluginhost"
	"github.com/xlrun/xlrun/internal/runner"
	"github.com/xlrun/xlrun/internal/study"
	"github.com/xlrun/xlrun/sdk"
)

// catalog answers what a plan asks about the world: what the plugins declare,
// what lies on disk, what collections hold.
type catalog struct {
	host  *pluginhost.Host
	store *cas.Store // of inspections; nil: none is kept

	components map[sdk.Kind]map[string]entry

	mu     sync.Mutex
	hashes map[string]hashed // of files, within this process
}

type entry struct {
	component study.Component
	info      sdk.Info
}

var _ study.Catalog = (*catalog)(nil)

// newCatalog takes the declarations of the bundled plugins from this binary,
// and starts the others to ask them.
func newCatalog(ctx context.Context, host *pluginhost.Host, external []pluginhost.Spec, store *cas.Store) (*catalog, error) {
	c := &catalog{host: host, store: store, components: map[sdk.Kind]map[string]entry{}, hashes: map[string]hashed{}}
	for _, p := range bundled {
		for _, comp := range p.Components {
			if err := c.add(p.Name, p.Version, "", comp.Info); err != nil {
				return nil, err
			}
		}
	}
	if len(external) == 0 {
		return c, nil
	}
	names := map[string]bool{}
	for _, s := range external {
		names[s.Name] = true
	}
	all, err := host.Components(ctx)
	if err != nil {
		return nil, err
	}
	for _, x := range all {
		if names[x.Plugin] {
			if err := c.add(x.Plugin, x.Version, x.Tree, x.Info); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

func (c *catalog) add(plugin, version string, tree cas.Digest, info sdk.Info) error {
	if c.components[info.Kind] == nil {
		c.components[info.Kind] = map[string]entry{}
	}
	if old, ok := c.components[info.Kind][info.Name]; ok {
		return fmt.Errorf("plugins %q and %q both offer a %s %q: remove one of them", old.component.Plugin, plugin, info.Kind, info.Name)
	}
	c.components[info.Kind][info.Name] = entry{
		component: study.Component{Kind: info.Kind, Plugin: plugin, Name: info.Name, Revision: info.Revision, Determinism: info.Determinism, Version: version, Tree: tree},
		info:      info,
	}
	return nil
}

// Component returns the declaration of a component.
func (c *catalog) Component(kind sdk.Kind, name string) (study.Component, sdk.Info, bool) {
	e, ok := c.components[kind][name]
	return e.component, e.info, ok
}

// Names lists the components of a kind, sorted.
func (c *catalog) Names(kind sdk.Kind) []string {
	var out []string
	for n := range c.components[kind] {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

func ref(c study.Component, config []byte) pluginhost.Ref {
	return pluginhost.Ref{Kind: c.Kind, Plugin: c.Plugin, Name: c.Name, Config: config}
}

// Validate lets the component check its arguments. A bundled component is
// asked in this process: the code is the same.
func (c *catalog) Validate(ctx context.Context, comp study.Component, config, train []byte) (sdk.Diagnostics, error) {
	p, ok := bundledPlugin(comp.Plugin)
	if !ok || comp.Tree != "" {
		return c.host.Validate(ctx, ref(comp, config), train)
	}
	b, err := componentOf(p, comp)
	if err != nil {
		return nil, err
	}
	_, err = b.Decode(config)
	if err == nil && train != nil {
		_, err = b.DecodeTrain(train)
	}
	if d, ok := sdk.AsDiagnostics(err); ok {
		return d, nil
	}
	return nil, err
}

func componentOf(p sdk.Plugin, comp study.Component) (sdk.Component, error) {
	for _, c := range p.Components {
		if c.Kind == comp.Kind && c.Name == comp.Name {
			return c, nil
		}
	}
	return sdk.Component{}, fmt.Errorf("plugin %q has no %s %q", comp.Plugin, comp.Kind, comp.Name)
}

// Measures opens a metric and asks what it measures: a bundled one in this
// process.
func (c *catalog) Measures(ctx context.Context, comp study.Component, config []byte) ([]string, []sdk.Range, error) {
	p, ok := bundledPlugin(comp.Plugin)
	if !ok || comp.Tree != "" {
		names, ranges, err := c.host.Measures(ctx, 0, ref(comp, config))
		if err != nil {
			err = reason(err)
		}
		return names, ranges, err
	}
	b, err := componentOf(p, comp)
	if err != nil {
		return nil, nil, err
	}
	v, err := b.Open(ctx, config, nil)
	if err != nil {
		return nil, nil, err
	}
	m, ok := v.(sdk.Metric)
	if !ok {
		return nil, nil, fmt.Errorf("plugin %q: %T is no metric", comp.Plugin, v)
	}
	var ranges []sdk.Range
	if r, ok := v.(sdk.RangedMetric); ok {
		ranges = r.Ranges()
	}
	return m.Measures(), ranges, nil
}

// Lacking asks a bundled encoder that looks vectors up by ids, in this process,
// which of some texts it has none for. Others say so when they encode.
func (c *catalog) Lacking(ctx context.Context, comp study.Component, config []byte, texts []study.TextIDs) (_ []sdk.Diagnostics, err error) {
	p, ok := bundledPlugin(comp.Plugin)
	if !ok || comp.Tree != "" {
		return nil, nil
	}
	b, err := componentOf(p, comp)
	if err != nil {
		return nil, err
	}
	v, err := b.Open(ctx, config, nil)
	if err != nil {
		return nil, err
	}
	if x, ok := v.(io.Closer); ok {
		defer func() { err = errors.Join(err, x.Close()) }()
	}
	e, ok := v.(interface {
		Lacking(role sdk.Role, ids []string) error
	})
	if !ok {
		return nil, nil
	}
	out := make([]sdk.Diagnostics, len(texts))
	for i, t := range texts {
		if err := e.Lacking(t.Role, t.IDs); err != nil {
			if out[i], ok = sdk.AsDiagnostics(err); !ok {
				return nil, err
			}
		}
	}
	return out, nil
}

// Sources lists and hashes the files that a component reads.
func (c *catalog) Sources(ctx context.Context, comp study.Component, config []byte) ([]study.SourceDigest, error) {
	src, err := c.host.Sources(ctx, 0, ref(comp, config))
	if err != nil {
		return nil, reason(err)
	}
	out := make([]study.SourceDigest, len(src))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i, s := range src {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			h, err := c.hash(ctx, s.Path)
			out[i] = study.SourceDigest{Name: s.Name, Digest: h.digest, Path: s.Path, Stamp: h.stamp}
			return err
		})
	}
	return out, g.Wait()
}

// Run reads a file with a run. The answer is kept in the store under the
// digest of the file.
func (c *catalog) Run(ctx context.Context, path string) (*study.RunFile, error) {
	h, err := c.hash(ctx, path)
	if err != nil {
		return nil, err
	}
	key := cas.Sum([]byte("run/2 " + string(h.digest)))
	if c.store != nil {
		if raw, ok, err := c.store.Action(key); err == nil && ok {
			var f study.RunFile
			if json.Unmarshal(raw, &f) == nil && f.Digest == h.digest {
				f.Stamp = h.stamp
				return &f, nil
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	x, err := runner.ReadRun(ctx, path)
	if err != nil {
		return nil, err
	}
	if err := c.still(); err != nil {
		return nil, err
	}
	f := &study.RunFile{Digest: x.Digest, Queries: x.Queries, Deepest: x.Deepest, Stamp: h.stamp}
	if c.store != nil {
		b, err := json.Marshal(f)
		if err != nil {
			return nil, fmt.Errorf("keep what a run holds: %w", err)
		}
		if err := c.store.PutAction(key, b); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// hashed is a file as it was read.
type hashed struct {
	digest cas.Digest
	stamp  cas.Stamp
}

func (c *catalog) hash(ctx context.Context, path string) (hashed, error) {
	c.mu.Lock()
	h, ok := c.hashes[path]
	c.mu.Unlock()
	if ok {
		return h, nil
	}
	h, err := await(ctx, func() (h hashed, err error) { // a large file must not keep Ctrl-C waiting
		h.digest, h.stamp, err = cas.SumFile(path)
		return h, err
	})
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			return h, fmt.Errorf("cannot read %s: %w", path, pe.Err)
		}
		return h, err
	}
	c.mu.Lock()
	c.hashes[path] = h
	c.mu.Unlock()
	return h, nil
}

// still reports whether the files that were hashed are what they were.
func (c *catalog) still() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for path, h := range c.hashes {
		if now, err := cas.StampOf(path); err != nil || now != h.stamp {
			return fmt.Errorf("%s has changed while the plan was made; run again", path)
		}
	}
	return nil
}

// Inspect returns what a loader's collection holds. The answer is kept in the
// store under the recipe of the load step: the sources are in it.
func (c *catalog) Inspect(ctx context.Context, comp study.Component, config []byte, recipe cas.Digest) (*sdk.Inspection, error) {
	key := cas.Sum([]byte("inspect/1 " + string(recipe)))
	if c.store != nil {
		if in := c.inspected(key); in != nil {
			return in, nil
		}
	}
	in, err := c.host.Inspect(ctx, 0, ref(comp, config))
	if err != nil {
		return nil, reason(err)
	}
	if err := c.still(); err != nil { // or what it holds would be kept for other files
		return nil, err
	}
	if c.store != nil {
		var b bytes.Buffer
		if err := gob.NewEncoder(&b).Encode(in); err != nil {
			return nil, fmt.Errorf("keep what was inspected: %w", err)
		}
		d, err := c.store.PutBytes(b.Bytes())
		if err != nil {
			return nil, err
		}
		if err := c.store.PutAction(key, []byte(d)); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// inspected returns a kept inspection, or nil: what cannot be read is made
// again.
func (c *catalog) inspected(key cas.Digest) *sdk.Inspection {
	raw, ok, err := c.store.Action(key)
	if err != nil || !ok {
		return nil
	}
	d, err := cas.ParseDigest(string(raw))
	if err != nil {
		return nil
	}
	b, err := c.store.ReadFile(d)
	if err != nil || cas.Sum(b) != d {
		return nil
	}
	var in sdk.Inspection
	if gob.NewDecoder(bytes.NewReader(b)).Decode(&in) != nil {
		return nil
	}
	return &in
}

// reason strips what a diagnostic at a source line says anyway (which plugin,
// which call) from an error that is the input's fault.
func reason(err error) error {
	if d, ok := sdk.AsDiagnostics(err); ok {
		return d
	}
	var pe *pluginhost.Error
	if errors.As(err, &pe) && pe.Fault == pluginhost.FaultInput && pe.Err != nil {
		return pe.Err
	}
	return err
}
