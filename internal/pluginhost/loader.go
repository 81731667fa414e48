package pluginhost

import (
	"context"
	"path/filepath"

	"github.com/xlrun/xlrun/internal/wire"
	"github.com/xlrun/xlrun/internal/wire/pluginpb"
	"github.com/xlrun/xlrun/sdk"
)

// Sources lists the files that a component will read of its own; for anything
// but a loader they may be none.
func (h *Host) Sources(ctx context.Context, slot int, ref Ref) ([]sdk.Source, error) {
	var out []sdk.Source
	err := h.on(ctx, slot, ref, "list sources", func(c *call, o *pluginpb.Opened) error {
		stream, err := pluginpb.NewLoaderServiceClient(c.p.conn).Sources(c.stream, &pluginpb.SourcesRequest{Handle: o.GetHandle()})
		if err != nil {
			return err
		}
		names := map[string]bool{}
		_, err = response(c, stream.Recv, records(func(s *pluginpb.Source) error {
			switch {
			case s.GetName() == "" || names[s.GetName()]:
				return broken("source %q: names must be unique and not empty", s.GetName())
			case !filepath.IsAbs(s.GetPath()):
				return broken("source %q: %q is no absolute path", s.GetName(), s.GetPath())
			}
			names[s.GetName()] = true
			out = append(out, sdk.Source{Name: s.GetName(), Path: s.GetPath()})
			return nil
		}))
		return err
	})
	return out, err
}

// Inspect says what a loader's collection holds.
func (h *Host) Inspect(ctx context.Context, slot int, ref Ref) (*sdk.Inspection, error) {
	in := &sdk.Inspection{Counts: map[string]int{}}
	err := h.on(ctx, slot, ref, "inspect", func(c *call, o *pluginpb.Opened) error {
		stream, err := pluginpb.NewLoaderServiceClient(c.p.conn).Inspect(c.stream, &pluginpb.InspectRequest{Handle: o.GetHandle()})
		if err != nil {
			return err
		}
		_, err = response(c, stream.Recv, records(func(r *pluginpb.Inspected) error {
			switch r := r.GetRecord().(type) {
			case *pluginpb.Inspected_Query:
				in.Queries = append(in.Queries, wire.InspectedText(r.Query))
			case *pluginpb.Inspected_Document:
				in.Documents = append(in.Documents, wire.InspectedText(r.Document))
			case *pluginpb.Inspected_Pair:
				in.Pairs = append(in.Pairs, wire.InspectedPair(r.Pair))
			case *pluginpb.Inspected_Judgment:
				in.Judgments = append(in.Judgments, wire.Qrel(r.Judgment))
			case *pluginpb.Inspected_Counted:
				in.Counts[r.Counted.GetName()] += int(r.Counted.GetN())
			case *pluginpb.Inspected_Qrels:
				in.Qrels = int(r.Qrels)
			default:
				return broken("an inspection with a record of no known kind")
			}
			return nil
		}))
		return err
	})
	if err != nil {
		return nil, err
	}
	return in, nil
}

// Load writes a loader's collection to out. An error of out ends the call and
// is returned as it is.
func (h *Host) Load(ctx context.Context, slot int, ref Ref, out sdk.Collector) (Stats, error) {
	var st Stats
	err := h.on(ctx, slot, ref, "load", func(c *call, o *pluginpb.Opened) error {
		stream, err := pluginpb.NewLoaderServiceClient(c.p.conn).Load(c.stream, &pluginpb.LoadRequest{Handle: o.GetHandle()})
		if err != nil {
			return err
		}
		c.report = out.Progress
		done, err := response(c, stream.Recv, records(func(r *pluginpb.Loaded) error {
			var err error
			switch r := r.GetRecord().(type) {
			case *pluginpb.Loaded_Query:
				err = out.Query(wire.Query(r.Query))
			case *pluginpb.Loaded_Document:
				err = out.Document(wire.Document(r.Document))
			case *pluginpb.Loaded_Qrel:
				err = out.Qrel(wire.Qrel(r.Qrel))
			case *pluginpb.Loaded_Pair:
				err = out.Pair(wire.Pair(r.Pair))
			case *pluginpb.Loaded_Counted:
				out.Count(r.Counted.GetName(), int(r.Counted.GetN()))
			default:
				return broken("a collection with a record of no known kind")
			}
			if err != nil {
				return callerError{err}
			}
			return nil
		}))
		st = c.stats(done, 0)
		return err
	})
	return st, err
}
