package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
)

// Widths of figures on paper: one column and two, in points.
const (
	wideOnPaper   = 6.75 * 72
	narrowOnPaper = 3.25 * 72
)

// pdf turns one of our figures into a PDF page of its own size, with the font
// embedded. It knows the few elements that Vega writes, g, path, line, rect and
// text, and refuses others.
func pdf(svg string, width float64) ([]byte, error) {
	d := xml.NewDecoder(strings.NewReader(svg))
	var p *paper
	var stack []frame
	top := frame{m: identity, opacity: 1}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			stack = append(stack, top)
			a := attributes(t.Attr)
			if p == nil {
				if t.Name.Local != "svg" {
					return nil, fmt.Errorf("want svg, got %s", t.Name.Local)
				}
				if p, err = newPaper(a, width); err != nil {
					return nil, err
				}
				top.m = matrix{p.scale, 0, 0, p.scale, 0, 0}
				continue
			}
			if top, err = top.enter(a); err != nil {
				return nil, err
			}
			if t.Name.Local == "text" {
				top.text = a
			}
			if err := p.element(t.Name.Local, a, top); err != nil {
				return nil, fmt.Errorf("%s: %w", t.Name.Local, err)
			}
		case xml.EndElement:
			top, stack = stack[len(stack)-1], stack[:len(stack)-1]
		case xml.CharData:
			if p != nil && top.text != nil && strings.TrimSpace(string(t)) != "" {
				p.words(string(t), top)
			}
		}
	}
	if p == nil {
		return nil, errors.New("no svg")
	}
	var b bytes.Buffer
	err := p.f.Output(&b)
	return b.Bytes(), err
}

// matrix maps (x, y) to (ax+cy+e, bx+dy+f).
type matrix struct{ a, b, c, d, e, f float64 }

var identity = matrix{1, 0, 0, 1, 0, 0}

func (m matrix) times(n matrix) matrix {
	return matrix{
		float64(m.a*n.a) + m.c*n.b, float64(m.b*n.a) + m.d*n.b,
		float64(m.a*n.c) + m.c*n.d, float64(m.b*n.c) + m.d*n.d,
		float64(m.a*n.e) + float64(m.c*n.f) + m.e, float64(m.b*n.e) + float64(m.d*n.f) + m.f,
	}
}

func (m matrix) at(x, y float64) (float64, float64) {
	return float64(m.a*x) + float64(m.c*y) + m.e, float64(m.b*x) + float64(m.d*y) + m.f
}

// frame is what an element inherits.
type frame struct {
	m       matrix
	opacity float64
	hidden  bool
	text    map[string]string // attributes of the text element around
}

func attributes(list []xml.Attr) map[string]string {
	a := map[string]string{}
	for _, x := range list {
		a[x.Name.Local] = x.Value
	}
	return a
}

func (f frame) enter(a map[string]string) (frame, error) {
	m, err := transform(a["transform"])
	if err != nil {
		return f, err
	}
	f.m = f.m.times(m)
	if o, ok := a["opacity"]; ok {
		f.opacity *= float(o)
	}
	f.hidden = f.hidden || a["display"] == "none"
	return f, nil
}

// transform reads translate and rotate.
func transform(s string) (matrix, error) {
	m := identity
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		name, rest, ok := strings.Cut(s, "(")
		args, after, ok2 := strings.Cut(rest, ")")
		if !ok || !ok2 {
			return m, fmt.Errorf("transform %q", s)
		}
		s = after
		v := floats(args)
		switch {
		case name == "translate" && len(v) == 2:
			m = m.times(matrix{1, 0, 0, 1, v[0], v[1]})
		case name == "translate" && len(v) == 1:
			m = m.times(matrix{1, 0, 0, 1, v[0], 0})
		case name == "rotate" && len(v) == 1:
			sin, cos := math.Sincos(v[0] * math.Pi / 180)
			m = m.times(matrix{cos, sin, -sin, cos, 0, 0})
		case name == "scale" && len(v) == 2:
			m = m.times(matrix{v[0], 0, 0, v[1], 0, 0})
		default:
			return m, fmt.Errorf("transform %s(%s)", name, args)
		}
	}
	return m, nil
}

func float(s string) float64 {
	x, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(s), "px"), 64)
	if err != nil {
		return 0
	}
	return x
}

func floats(s string) (v []float64) {
	for _, x := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		v = append(v, float(x))
	}
	return v
}

// paper is a page with a font and a scale from pixels to points.
type paper struct {
	f     *fpdf.Fpdf
	scale float64
	line  float64 // how far down the current line of a text is, in its pixels
}

func newPaper(a map[string]string, width float64) (*paper, error) {
	w, h := float(a["width"]), float(a["height"])
	if w <= 0 || h <= 0 {
		return nil, fmt.Errorf("svg of %q by %q", a["width"], a["height"])
	}
	p := &paper{scale: width / w}
	p.f = fpdf.NewCustom(&fpdf.InitType{UnitStr: "pt", Size: fpdf.SizeType{Wd: width, Ht: h * p.scale}})
	p.f.SetCatalogSort(true)
	never := time.Unix(0, 0).UTC() // equal figures, equal bytes
	p.f.SetCreationDate(never)
	p.f.SetModificationDate(never)
	p.f.SetProducer("xlrun", true)
	p.f.SetMargins(0, 0, 0)
	p.f.SetAutoPageBreak(false, 0)
	p.f.AddUTF8FontFromBytes("Go", "", goregular.TTF)
	p.f.AddUTF8FontFromBytes("Go", "B", gobold.TTF)
	p.f.AddPage()
	return p, p.f.Error()
}

func (p *paper) element(name string, a map[string]string, top frame) error {
	switch name {
	case "g":
		return nil
	case "text": // its words follow
		p.line = 0
		return nil
	case "tspan":
		p.line += float(or0(a["dy"]))
		return nil
	case "line":
		if top.hidden {
			return nil
		}
		return p.shape(fmt.Sprintf("M%s,%sL%s,%s", or0(a["x1"]), or0(a["y1"]), or0(a["x2"]), or0(a["y2"])), a, top)
	case "rect":
		if top.hidden {
			return nil
		}
		w, h := or0(a["width"]), or0(a["height"])
		return p.shape(fmt.Sprintf("M%s,%sh%sv%sh-%sZ", or0(a["x"]), or0(a["y"]), w, h, w), a, top)
	case "path":
		if top.hidden {
			return nil
		}
		return p.shape(a["d"], a, top)
	}
	return errors.New("not an element that figures use")
}

func or0(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

// words sets a line of text at its anchor, turned as its matrix says.
func (p *paper) words(text string, top frame) {
	a := top.text
	red, green, blue, ok := colour(a["fill"])
	if top.hidden || !ok || top.opacity == 0 {
		return
	}
	style := ""
	if a["font-weight"] == "bold" {
		style = "B"
	}
	size := float(or0(a["font-size"])) * p.scale
	p.f.SetFont("Go", style, size)
	p.f.SetTextColor(red, green, blue)
	p.f.SetAlpha(min(1, top.opacity), "Normal")
	w := p.f.GetStringWidth(text)
	x, y := top.m.at(0, p.line)
	shift := map[string]float64{"middle": w / 2, "end": w}[a["text-anchor"]]
	angle := -math.Atan2(top.m.b, top.m.a) * 180 / math.Pi
	p.f.TransformBegin()
	p.f.TransformRotate(angle, x, y)
	p.f.Text(x-shift, y, text)
	p.f.TransformEnd()
}

// colour reads #rrggbb, #rgb, white and black; ok is false for no paint.
func colour(s string) (r, g, b int, ok bool) {
	switch s {
	case "", "none", "transparent":
		return 0, 0, 0, false
	case "white":
		return 255, 255, 255, true
	case "black":
		return 0, 0, 0, true
	}
	s = strings.TrimPrefix(s, "#")
	if len(s) == 3 {
		s = string([]byte{s[0], s[0], s[1], s[1], s[2], s[2]})
	}
	v, err := strconv.ParseUint(s, 16, 32)
	if err != nil || len(s) != 6 {
		return 0, 0, 0, false
	}
	return int(v >> 16), int(v >> 8 & 255), int(v & 255), true
}

// shape fills and strokes a path.
func (p *paper) shape(d string, a map[string]string, top frame) error {
	r, g, b, fill := colour(a["fill"])
	sr, sg, sb, stroke := colour(a["stroke"])
	if a["stroke-width"] == "0" {
		stroke = false
	}
	if !fill && !stroke || d == "" {
		return nil
	}
	paint := func(style, opacity string) error {
		o := top.opacity
		if opacity != "" {
			o *= float(opacity)
		}
		p.f.SetAlpha(min(1, o), "Normal")
		if err := p.path(d, top.m); err != nil {
			return err
		}
		p.f.DrawPath(style)
		return p.f.Error()
	}
	if fill {
		p.f.SetFillColor(r, g, b)
		if err := paint("f", a["fill-opacity"]); err != nil {
			return err
		}
	}
	if stroke {
		width := 1.0
		if w, ok := a["stroke-width"]; ok {
			width = float(w)
		}
		p.f.SetDrawColor(sr, sg, sb)
		p.f.SetLineWidth(width * p.scale)
		dashes := floats(a["stroke-dasharray"])
		for i := range dashes {
			dashes[i] *= p.scale
		}
		if len(dashes) == 2 && dashes[1] == 0 {
			dashes = nil
		}
		p.f.SetDashPattern(dashes, 0)
		return paint("D", a["stroke-opacity"])
	}
	return nil
}

// path sends M L H V h v l C A Z to the page.
func (p *paper) path(d string, m matrix) error {
	in := pathReader{s: d}
	var x, y, x0, y0 float64
	line := func() { p.f.LineTo(m.at(x, y)) }
	for {
		c, ok := in.command()
		if !ok {
			return in.err
		}
		switch c {
		case 'M':
			x, y = in.number(), in.number()
			x0, y0 = x, y
			p.f.MoveTo(m.at(x, y))
		case 'L':
			x, y = in.number(), in.number()
			line()
		case 'l':
			x, y = x+in.number(), y+in.number()
			line()
		case 'H':
			x = in.number()
			line()
		case 'h':
			x += in.number()
			line()
		case 'V':
			y = in.number()
			line()
		case 'v':
			y += in.number()
			line()
		case 'C':
			ax, ay := m.at(in.number(), in.number())
			bx, by := m.at(in.number(), in.number())
			x, y = in.number(), in.number()
			ex, ey := m.at(x, y)
			p.f.CurveBezierCubicTo(ax, ay, bx, by, ex, ey)
		case 'A':
			r := in.number()
			in.number() // the other radius: Vega's arcs are of circles
			in.number()
			big, sweep := in.number() != 0, in.number() != 0
			ex, ey := in.number(), in.number()
			p.arc(m, x, y, ex, ey, r, big, sweep)
			x, y = ex, ey
		case 'Z', 'z':
			x, y = x0, y0
			p.f.ClosePath()
		default:
			return fmt.Errorf("path command %c", c)
		}
		if in.err != nil {
			return in.err
		}
	}
}

// arc draws a piece of a circle as Bézier curves of at most a quarter turn.
func (p *paper) arc(m matrix, x, y, ex, ey, r float64, big, sweep bool) {
	// The centre lies beside the middle of the chord (SVG 2, appendix B.2.4).
	hx, hy := (ex-x)/2, (ey-y)/2
	h := math.Hypot(hx, hy)
	if h == 0 || r == 0 {
		return
	}
	r = max(r, h)
	k := math.Sqrt(max(0, r*r-h*h)) / h
	if big == sweep {
		k = -k
	}
	cx, cy := x+hx-k*hy, y+hy+k*hx
	from, to := math.Atan2(y-cy, x-cx), math.Atan2(ey-cy, ex-cx)
	if sweep && to <= from {
		to += 2 * math.Pi
	} else if !sweep && to >= from {
		to -= 2 * math.Pi
	}
	n := math.Ceil(math.Abs(to-from)/(math.Pi/2) - 1e-9)
	step := (to - from) / n
	t := 4.0 / 3 * math.Tan(step/4)
	for i := range int(n) {
		s1, c1 := math.Sincos(from + float64(i)*step)
		s2, c2 := math.Sincos(from + float64(i+1)*step)
		ax, ay := m.at(cx+r*(c1-t*s1), cy+r*(s1+t*c1))
		bx, by := m.at(cx+r*(c2+t*s2), cy+r*(s2-t*c2))
		qx, qy := m.at(cx+r*c2, cy+r*s2)
		p.f.CurveBezierCubicTo(ax, ay, bx, by, qx, qy)
	}
}

// pathReader splits the data of a path.
type pathReader struct {
	s    string
	last byte
	err  error
}

func (r *pathReader) skip() { r.s = strings.TrimLeft(r.s, " ,\n\t") }

// command returns the next command; numbers without one repeat the last.
func (r *pathReader) command() (byte, bool) {
	r.skip()
	if r.s == "" || r.err != nil {
		return 0, false
	}
	c := r.s[0]
	if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
		r.s = r.s[1:]
		r.last = c
		return c, true
	}
	if r.last == 'M' {
		r.last = 'L'
	}
	return r.last, r.last != 0
}

func (r *pathReader) number() float64 {
	r.skip()
	n := 0
	for n < len(r.s) {
		c := r.s[n]
		if c >= '0' && c <= '9' || c == '.' || (c == '-' || c == '+') && (n == 0 || r.s[n-1] == 'e') || c == 'e' && n > 0 {
			n++
			continue
		}
		break
	}
	x, err := strconv.ParseFloat(r.s[:n], 64)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("path data %.20q", r.s)
	}
	r.s = r.s[n:]
	return x
}
