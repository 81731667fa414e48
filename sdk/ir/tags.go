package ir

import (
	"cmp"
	"slices"
	"strings"
)

// tagSet holds the tags of a file with the lines where they come first and
// last, so that lines may be read in any order.
type tagSet struct {
	tags    []tagLines
	current int
	more    tagLines // the last one and the lines of those beyond maxTags
}

type tagLines struct {
	tag         string
	first, last int64
	lines       int
}

const maxTags = 100

func (s *tagSet) add(tag []byte, b *lineBlock, n int32) {
	if s.current >= len(s.tags) || s.tags[s.current].tag != string(tag) {
		s.current = s.find(string(tag))
	}
	line := b.line(n)
	if s.current == maxTags {
		s.more.merge(tagLines{string(tag), line, line, 1})
		return
	}
	t := &s.tags[s.current]
	if t.lines == 0 || line < t.first {
		t.first = line
	}
	t.last = max(t.last, line)
	t.lines++
}

// find returns the index of a tag, which it adds; maxTags where there are too
// many.
func (s *tagSet) find(tag string) int {
	for i := range s.tags {
		if s.tags[i].tag == tag {
			return i
		}
	}
	if len(s.tags) < maxTags {
		s.tags = append(s.tags, tagLines{tag: tag})
		return len(s.tags) - 1
	}
	return maxTags
}

// merge adds the lines of g; the tag is that of the last one.
func (t *tagLines) merge(g tagLines) {
	if g.lines == 0 {
		return
	}
	if t.lines == 0 || g.first < t.first {
		t.first = g.first
	}
	if t.lines == 0 || g.last > t.last {
		t.tag, t.last = g.tag, g.last
	}
	t.lines += g.lines
}

// merge adds the tags of g.
func (s *tagSet) merge(g *tagSet) {
	for _, t := range g.tags {
		if i := s.find(t.tag); i < maxTags {
			s.tags[i].merge(t)
		} else {
			s.more.merge(t)
		}
	}
	s.more.merge(g.more)
}

// last returns the tag of the last line.
func (s *tagSet) last() string {
	last := s.more
	for _, t := range s.tags {
		if last.lines == 0 || t.last > last.last {
			last = t
		}
	}
	return last.tag
}

// report reports several tags, and a last one that was cut off in a file of
// so many lines that has no end of line.
func (s *tagSet) report(f *findings, unterminated bool, lines int64) {
	if len(s.tags) < 2 {
		return
	}
	tags := slices.Clone(s.tags)
	slices.SortFunc(tags, func(a, b tagLines) int { return cmp.Compare(a.first, b.first) })
	last := tags[len(tags)-1]
	if unterminated && last.lines == 1 && last.first == lines {
		for _, t := range tags[:len(tags)-1] {
			if strings.HasPrefix(t.tag, last.tag) {
				f.add(kindTruncatedLine, lines, "the file ends within a line: the tag is %q here and %q before", short(last.tag), short(t.tag))
				tags = tags[:len(tags)-1]
				break
			}
		}
	}
	for _, t := range tags[1:] {
		f.add(kindSeveralTags, t.first, "the tag is %q here and %q in the first line; is this more than one run?", short(t.tag), short(tags[0].tag))
		f.kinds[kindSeveralTags].count += t.lines - 1
	}
	f.kinds[kindSeveralTags].count += s.more.lines
}

// metadata collects the comments at the head of a run that hold its
// ir_metadata, in the order of the file.
type metadata struct {
	b        strings.Builder
	in, done bool
	start    int64 // the line where it begins
}

const (
	metadataStart = "ir_metadata.start"
	metadataEnd   = "ir_metadata.end"
)

// add takes a comment; late ones come after the first line with content.
func (m *metadata) add(comment []byte, line int64, late bool, f *findings) {
	text := strings.TrimRight(strings.TrimPrefix(strings.TrimLeft(string(comment), " \t"), "#"), " \t\r")
	word := strings.TrimSpace(text)
	switch {
	case word == metadataStart && late:
		f.add(kindLostMetadata, line, "ir_metadata behind the first line with content are not kept; put them before it")
	case word == metadataStart && m.done:
		f.add(kindLostMetadata, line, "ir_metadata begin a second time here and are not kept; put all in one block")
	case late || m.done:
	case !m.in:
		if word == metadataStart {
			m.in, m.start = true, line
		}
	case word == metadataEnd:
		m.done = true
	default:
		m.b.WriteString(strings.TrimPrefix(text, " "))
		m.b.WriteByte('\n')
	}
}

// end returns what was found; "" where the end is missing, which it reports.
func (m *metadata) end(f *findings) string {
	if !m.done {
		if m.in {
			f.add(kindLostMetadata, m.start, "ir_metadata begin here and are not kept, because they have no end (# %s) before the first line with content", metadataEnd)
		}
		return ""
	}
	return m.b.String()
}
