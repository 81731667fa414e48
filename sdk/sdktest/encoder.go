package sdktest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/xlrun/xlrun/sdk"
)

// samples are texts of many kinds, none of them empty.
var samples = []sdk.Text{
	{ID: "plain", Language: "eng", Text: "How do I return an order that has not arrived yet?"},
	{ID: "again", Language: "eng", Text: "How do I return an order that has not arrived yet?"},
	{ID: "word", Language: "deu", Text: "Rücksendung"},
	{ID: "letter", Language: "eng", Text: "a"},
	{ID: "digits", Language: "eng", Text: "3.14159 2,71828"},
	{ID: "emoji", Language: "eng", Text: "👩‍👩‍👧‍👦 🏳️‍🌈 🙂🙂"},
	{ID: "right to left", Language: "heb", Text: "איך מחזירים הזמנה? (2023) \u202eabc\u202c"},
	{ID: "arabic", Language: "arb", Text: "كيف أُعيد طلبًا؟"},
	{ID: "chinese", Language: "cmn_Hans", Text: "我如何退货?"},
	{ID: "thai", Language: "tha", Text: "ฉันจะคืนสินค้าได้อย่างไร"},
	{ID: "combining", Language: "vie", Text: "e\u0301\u0301\u0301 a\u030a"},
	{ID: "NUL", Language: "eng", Text: "before\x00after"},
	{ID: "controls", Language: "eng", Text: "a\tb\nc\r\n\u2028\ufeff"},
	{ID: "punctuation", Language: "eng", Text: "?!… --- «»"},
	{ID: "no language", Text: "Without a language."},
	{ID: "broken", Language: "eng", Text: "not \xff\xfe UTF-8"},
	{ID: "long", Language: "eng", Text: strings.Repeat("A long text says the same again. ", 2000)},
	{ID: "long word", Language: "eng", Text: strings.Repeat("z", 20000)},
}

func (s *suite) checkEncoder(ctx context.Context, e sdk.Encoder) {
	info := e.Info()
	s.ask("it says what it is", func() error {
		if info.Dim < 1 {
			return fmt.Errorf("its vectors have %d dimensions", info.Dim)
		}
		if info.ParamsNonEmbed > info.ParamsTotal || info.ParamsNonEmbed < 0 {
			return fmt.Errorf("it has %d parameters, of which %d outside the embedding table", info.ParamsTotal, info.ParamsNonEmbed)
		}
		if again := e.Info(); fmt.Sprint(again) != fmt.Sprint(info) {
			return fmt.Errorf("it said %+v, and then %+v", info, again)
		}
		return nil
	})
	var whole []float32
	if !s.ask("every text gets one vector of finite numbers", func() (err error) {
		whole, err = encode(ctx, e, info, samples)
		return err
	}) {
		return
	}
	s.ask("same input twice, same bytes", func() error {
		again, err := encode(ctx, e, info, samples)
		return either(err, s.same("the second time", whole, again))
	})
	s.ask("opened anew, same bytes", func() error {
		v, err := s.open(ctx, s.config, nil, true)
		if err != nil {
			return err
		}
		if now := v.(sdk.Encoder).Info(); fmt.Sprint(now) != fmt.Sprint(info) {
			return fmt.Errorf("it said %+v, and then %+v", info, now)
		}
		again, err := encode(ctx, v.(sdk.Encoder), info, samples)
		return either(err, s.same("after opening it anew", whole, again))
	})
	s.ask("batch size is irrelevant", func() error {
		for _, size := range []int{1, 2, 5} {
			var all []float32
			for part := range slices.Chunk(samples, size) {
				x, err := encode(ctx, e, info, part)
				if err != nil {
					return fmt.Errorf("in batches of %d: %w", size, err)
				}
				all = append(all, x...)
			}
			if err := s.same(fmt.Sprintf("in batches of %d", size), whole, all); err != nil {
				return err
			}
		}
		return nil
	})
	s.ask("order is irrelevant", func() error {
		back := slices.Clone(samples)
		slices.Reverse(back)
		x, err := encode(ctx, e, info, back)
		if err != nil {
			return err
		}
		var all []float32
		for i := len(samples) - 1; i >= 0; i-- {
			all = append(all, x[i*info.Dim:(i+1)*info.Dim]...)
		}
		return s.same("in reverse order", whole, all)
	})
	s.ask("an empty text gets the zero vector", func() error {
		texts := []sdk.Text{{ID: "a", Text: "a"}, {ID: "empty", Language: "eng"}, {ID: "b", Text: "b"}}
		x, err := encode(ctx, e, info, texts)
		if err != nil {
			return err
		}
		for _, v := range x[info.Dim : 2*info.Dim] {
			if v != 0 {
				return fmt.Errorf("it holds %v", v)
			}
		}
		return nil
	})
	s.ask("no texts give no vectors", func() error {
		_, err := encode(ctx, e, info, nil)
		return err
	})
	s.ask("vectors have length one, if it says so", func() error {
		if !info.UnitNorm {
			return skipped("it does not say so")
		}
		for i, t := range samples {
			var sum float64
			for _, x := range whole[i*info.Dim : (i+1)*info.Dim] {
				sum += float64(float64(x) * float64(x))
			}
			// A text of which nothing is left has no direction.
			if n := math.Sqrt(sum); sum != 0 && math.Abs(n-1) > 1e-3 {
				return fmt.Errorf("that of %q has length %v", t.ID, n)
			}
		}
		return nil
	})
	s.performance(func(config []byte) error {
		v, err := s.open(ctx, config, nil, false)
		if err != nil {
			return fmt.Errorf("%w", skipped(err.Error()))
		}
		x, err := encode(ctx, v.(sdk.Encoder), info, samples)
		return either(err, s.same("with it", whole, x))
	})
	heeds := s.ask("it can be cancelled within two seconds", func() error {
		many := make([]sdk.Text, 0, 200*len(samples))
		for range 200 {
			many = append(many, samples...)
		}
		return s.cancelled(ctx, func(ctx context.Context) error {
			_, err := e.Encode(ctx, sdk.RoleDocument, many)
			return err
		})
	})
	s.ask("it works after that", func() error {
		if !heeds {
			return skipped("it may still be at work")
		}
		again, err := encode(ctx, e, info, samples)
		return either(err, s.same("after a cancelled call", whole, again))
	})
}

// performance asks for each performance option if another value changes the
// result.
func (s *suite) performance(run func(config []byte) error) {
	for _, o := range s.info.Options {
		if o.Effect != sdk.EffectPerformance {
			continue
		}
		s.ask(fmt.Sprintf("the performance option %q does not change the output", o.Name), func() error {
			values := others(o)
			if len(values) == 0 {
				return skipped("no other value is known")
			}
			tried := 0
			var last error
			for _, v := range values {
				err := run(withOption(s.config, o.Name, v))
				var sk skipped
				if errors.As(err, &sk) {
					last = err
					continue
				}
				if err != nil {
					return fmt.Errorf("%s = %v: %w", o.Name, v, err)
				}
				tried++
			}
			if tried == 0 {
				return last
			}
			return nil
		})
	}
}

// encode returns dense vectors of texts, checked for shape and numbers.
func encode(ctx context.Context, e sdk.Encoder, info sdk.EncoderInfo, texts []sdk.Text) ([]float32, error) {
	m, err := e.Encode(ctx, sdk.RoleDocument, texts)
	if err != nil {
		return nil, err
	}
	if m == nil {
		m = &sdk.Embeddings{Dim: info.Dim}
	}
	switch {
	case m.Rows() != len(texts):
		return nil, fmt.Errorf("want %d vectors, got %d", len(texts), m.Rows())
	case m.Dim != info.Dim && len(texts) > 0:
		return nil, fmt.Errorf("want %d dimensions, as it says, got %d", info.Dim, m.Dim)
	case m.Sparse() != info.Sparse && len(texts) > 0:
		return nil, fmt.Errorf("it says sparse = %t, and its vectors are the opposite", info.Sparse)
	}
	dense := m.Data
	if m.Sparse() {
		if dense, err = spread(m); err != nil {
			return nil, err
		}
	}
	if len(dense) != len(texts)*info.Dim {
		return nil, fmt.Errorf("want %d values, got %d", len(texts)*info.Dim, len(dense))
	}
	for i, x := range dense {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return nil, fmt.Errorf("the vector of text %q holds %v", texts[i/info.Dim].ID, x)
		}
	}
	return dense, nil
}

// either returns err or, if there is none, what was found.
func either(err, found error) error {
	if err != nil {
		return err
	}
	return found
}

// maxSpread bounds the memory that a sparse result may take when written out.
const maxSpread = 1 << 28

func spread(m *sdk.Embeddings) ([]float32, error) {
	rows := m.Rows()
	if rows*m.Dim > maxSpread {
		// Too wide to write out: entries and columns stand for it, which
		// serves comparison but not the checks by column.
		return nil, fmt.Errorf("%d sparse rows of %d columns are too wide for this suite: give it a narrower configuration", rows, m.Dim)
	}
	out := make([]float32, rows*m.Dim)
	for i := range rows {
		last := -1
		for j := m.Indptr[i]; j < m.Indptr[i+1]; j++ {
			c := int(m.Indices[j])
			if c <= last || c >= m.Dim {
				return nil, fmt.Errorf("row %d: the columns must ascend and stay below %d; %d follows %d", i, m.Dim, c, last)
			}
			last = c
			out[i*m.Dim+c] = m.Values[j]
		}
	}
	return out, nil
}

// checkTrain trains twice on a few pairs and compares.
func (s *suite) checkTrain(ctx context.Context, options []byte) {
	var dirs []string
	defer func() {
		for _, d := range dirs {
			_ = os.RemoveAll(d)
		}
	}()
	scratch := func() (string, error) {
		d, err := os.MkdirTemp("", "xlrun-check-")
		dirs = append(dirs, d)
		return d, err
	}
	run := func(config []byte) (dir string, digest string, err error) {
		v, err := s.open(ctx, config, nil, true)
		if err != nil {
			return "", "", skipped(err.Error())
		}
		if dir, err = scratch(); err != nil {
			return "", "", err
		}
		work, err := scratch()
		if err != nil {
			return "", "", err
		}
		task := &sdk.TrainTask{Pairs: somePairs, Dir: dir, Work: work, Report: func(int64, int64) {}}
		if err := s.train(ctx, v, task, options); err != nil {
			return "", "", err
		}
		digest, err = treeDigest(dir)
		return dir, digest, err
	}
	var dir, digest string
	if !s.ask("it can be trained", func() (err error) {
		dir, digest, err = run(s.config)
		return err
	}) {
		return
	}
	s.ask("trained twice, same bytes", func() error {
		if s.info.Determinism != sdk.Bitwise {
			return skipped("it declares itself " + string(s.info.Determinism))
		}
		_, again, err := run(s.config)
		if err == nil && again != digest {
			err = errors.New("the two models differ")
		}
		return err
	})
	s.ask("the model opens and encodes", func() error {
		v, err := s.open(ctx, s.config, &sdk.Model{Dir: dir, Digest: digest}, true)
		if err != nil {
			return err
		}
		e := v.(sdk.Encoder)
		_, err = encode(ctx, e, e.Info(), samples)
		return err
	})
	s.ask("opening and encoding leave the model as it was", func() error {
		after, err := treeDigest(dir)
		if err == nil && after != digest {
			err = errors.New("the model's files have changed")
		}
		return err
	})
	if s.info.Determinism == sdk.Bitwise {
		s.performance(func(config []byte) error {
			_, again, err := run(config)
			if err == nil && again != digest {
				err = errors.New("it changes the model")
			}
			return err
		})
	}
}

// somePairs gives a few hundred pairs of invented sentences.
func somePairs(yield func(sdk.Pair, error) bool) {
	words := strings.Fields("where when how may can order return parcel money account password open close change send receive")
	for i := range 300 {
		pick := func(k int) string { return words[(i*7+k*k*3+i/16)%len(words)] }
		text := fmt.Sprintf("%s %s %s %s", pick(1), pick(2), pick(3), pick(4))
		p := sdk.Pair{
			Kind: "translation", Group: fmt.Sprint(i), Origin: "invented",
			A: sdk.Text{ID: fmt.Sprintf("a%d", i), Language: "qaa", Text: strings.ReplaceAll(text, "e", "ë")},
			B: sdk.Text{ID: fmt.Sprintf("b%d", i), Language: "eng", Text: text},
		}
		if !yield(p, nil) {
			return
		}
	}
}

func treeDigest(dir string) (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		h.Write(fmt.Appendf(nil, "%s %x\n", filepath.ToSlash(rel), sha256.Sum256(b)))
		return err
	})
	return fmt.Sprintf("%x", h.Sum(nil)), err
}
