package sdk

import "context"

// Sourcer is implemented by an encoder or an index that reads files of its own:
// vectors made elsewhere, a checkpoint. The files enter the digest of whatever
// is computed with it, as those of a Loader do: names and contents, never
// paths. A Loader is always a Sourcer.
type Sourcer interface {
	// Sources lists exactly the files that are read, as absolute paths in a
	// fixed order, each under a name that does not depend on where it lies.
	Sources(ctx context.Context) ([]Source, error)
}
