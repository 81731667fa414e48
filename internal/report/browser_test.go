package report

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A browser drives headless Chromium over its debugging pipe.
type browser struct {
	t       *testing.T
	in      *os.File
	from    *os.File
	out     *bufio.Reader
	next    int
	session string
	events  []event
}

type event struct {
	Method string
	Params json.RawMessage
}

// newBrowser starts Chromium, or skips the test where there is none.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skip("no Chromium on this machine")
	}
	if testing.Short() {
		t.Skip("starts a browser")
	}
	toRead, toWrite, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fromRead, fromWrite, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir: helpers of the browser may write to it after it has gone.
	profile, err := os.MkdirTemp("", "xlrun-browser-")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
		"--user-data-dir="+profile, "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{toRead, fromWrite}
	cmd.Env = append(os.Environ(), "TMPDIR="+profile) // it leaves its sockets behind
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = toRead.Close()
	_ = fromWrite.Close()
	b := &browser{t: t, in: toWrite, from: fromRead, out: bufio.NewReaderSize(fromRead, 1<<20)}
	t.Cleanup(func() {
		b.session = ""
		if _, err := b.try("Browser.close", nil); err != nil {
			_ = cmd.Process.Kill()
		}
		_ = toWrite.Close()
		_ = cmd.Wait() // its status says nothing after a close
		_ = fromRead.Close()
		_ = os.RemoveAll(profile)
	})
	var target struct{ TargetID string }
	b.do("Target.createTarget", object{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.do("Target.attachToTarget", object{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.do(domain+".enable", nil, nil)
	}
	return b
}

func (b *browser) try(method string, params object) (json.RawMessage, error) {
	b.next++
	id := b.next
	message := object{"id": id, "method": method}
	if params != nil {
		message["params"] = params
	}
	if b.session != "" {
		message["sessionId"] = b.session
	}
	text, err := json.Marshal(message)
	if err != nil {
		return nil, err
	}
	if _, err := b.in.Write(append(text, 0)); err != nil {
		return nil, err
	}
	for {
		r, err := b.read()
		switch {
		case err != nil:
			return nil, err
		case r.ID == id && r.Error != nil:
			return nil, fmt.Errorf("%s: %s", method, r.Error.Message)
		case r.ID == id:
			return r.Result, nil
		}
	}
}

type reply struct {
	ID     int
	Result json.RawMessage
	Error  *struct{ Message string }
	event
}

// read waits up to a minute for the next message; events are kept.
func (b *browser) read() (r reply, err error) {
	if err := b.from.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		return r, err
	}
	text, err := b.out.ReadBytes(0)
	if err != nil {
		return r, err
	}
	err = json.Unmarshal(text[:len(text)-1], &r)
	if r.ID == 0 {
		b.events = append(b.events, r.event)
	}
	return r, err
}

func (b *browser) do(method string, params object, result any) {
	b.t.Helper()
	text, err := b.try(method, params)
	if err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	if result != nil {
		if err := json.Unmarshal(text, result); err != nil {
			b.t.Fatalf("%s: %v", method, err)
		}
	}
}

// eval evaluates an expression in the page; promises are awaited.
func (b *browser) eval(expression string, result any) {
	b.t.Helper()
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	b.do("Runtime.evaluate", object{"expression": expression, "awaitPromise": true, "returnByValue": true}, &r)
	if r.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s %s", expression, r.ExceptionDetails.Text, r.ExceptionDetails.Exception.Description)
	}
	if result != nil {
		if err := json.Unmarshal(r.Result.Value, result); err != nil {
			b.t.Fatalf("%s: %v: %s", expression, err, r.Result.Value)
		}
	}
}

// visit is one way to look at the page.
type visit struct {
	width   int
	dark    bool
	scripts bool
	print   bool
}

func (v visit) String() string {
	s := fmt.Sprint(v.width)
	if v.dark {
		s += "-dark"
	} else {
		s += "-light"
	}
	if !v.scripts {
		s += "-noscript"
	}
	if v.print {
		s += "-print"
	}
	return s
}

// open loads the page and waits until every figure of it is drawn.
func (b *browser) open(path string, v visit) {
	b.t.Helper()
	b.do("Emulation.setDeviceMetricsOverride", object{"width": v.width, "height": 1000, "deviceScaleFactor": 1, "mobile": false}, nil)
	media := "screen"
	if v.print {
		media = "print"
	}
	scheme := "light"
	if v.dark {
		scheme = "dark"
	}
	b.do("Emulation.setEmulatedMedia", object{"media": media, "features": list{object{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	b.do("Emulation.setScriptExecutionDisabled", object{"value": !v.scripts}, nil)
	b.events = nil
	b.do("Page.navigate", object{"url": (&url.URL{Scheme: "file", Path: path}).String()}, nil)
	for !b.saw("Page.loadEventFired") {
		if _, err := b.read(); err != nil {
			b.t.Fatalf("load the page: %v", err)
		}
	}
	if v.scripts {
		// Figures are drawn when they come near: walk to each of them.
		b.eval(`(async () => {
			for (const f of document.querySelectorAll('figure[id]')) {
				f.scrollIntoView({behavior: 'instant'});
				for (let i = 0; i < 2000 && !('live' in f.dataset) && !f.dataset.failed; i++) await new Promise((r) => requestAnimationFrame(r));
			}
			scrollTo({top: 0, behavior: 'instant'});
		})()`, nil)
	}
}

func (b *browser) saw(method string) bool {
	for _, e := range b.events {
		if e.Method == method {
			return true
		}
	}
	return false
}

// complaints lists console messages, exceptions and requests beyond the file.
func (b *browser) complaints() (all []string) {
	b.do("Runtime.evaluate", object{"expression": "0"}, nil) // what came before it has been read then
	for _, e := range b.events {
		switch e.Method {
		case "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded":
			all = append(all, e.Method+": "+string(e.Params))
		case "Network.requestWillBeSent":
			var r struct{ Request struct{ URL string } }
			_ = json.Unmarshal(e.Params, &r)
			if !strings.HasSuffix(r.Request.URL, "/report.html") {
				all = append(all, "request: "+r.Request.URL)
			}
		}
	}
	return all
}

// shot writes a picture of the whole page where XLRUN_SHOTS names a folder.
func (b *browser) shot(name string, width int) {
	dir := os.Getenv("XLRUN_SHOTS")
	if dir == "" {
		return
	}
	var size struct {
		CSSContentSize struct{ Width, Height float64 }
	}
	b.do("Page.getLayoutMetrics", nil, &size)
	var r struct{ Data string }
	b.do("Page.captureScreenshot", object{"captureBeyondViewport": true, "clip": object{"x": 0, "y": 0, "width": width, "height": size.CSSContentSize.Height, "scale": 1}}, &r)
	png, err := base64.StdEncoding.DecodeString(r.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func writePage(t *testing.T, in Input) string {
	t.Helper()
	files, err := render(in, shared)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, files["report.html"], 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPageInBrowser(t *testing.T) {
	b := newBrowser(t)
	for name, in := range map[string]Input{"small": fixture(small), "large": fixture(large), "systems": systemsFixture(t)} {
		path := writePage(t, in)
		visits := []visit{
			{width: 1280, scripts: true}, {width: 390, dark: true, scripts: true}, {width: 320, scripts: true}, {width: 390}, {width: 800, print: true, dark: true, scripts: true},
		}
		if name == "small" {
			visits = append(visits, visit{width: 1280, dark: true, scripts: true}, visit{width: 390, scripts: true}, visit{width: 1280})
		}
		for _, v := range visits {
			t.Run(name+"-"+v.String(), func(t *testing.T) {
				b.t = t
				b.open(path, v)
				for _, c := range b.complaints() {
					t.Error(c)
				}
				b.shot(name+"-"+v.String(), v.width)
				if !v.scripts {
					return // nothing can be asked; the page is complete as written
				}
				var state struct {
					Figures, Live, Images int
					Failed                []string
					Wide                  float64
					Wider, Cut            []string
				}
				b.eval(`({
					figures: document.querySelectorAll('figure[id]').length,
					live: document.querySelectorAll('figure[data-live]').length,
					images: document.querySelectorAll('figure svg[role=img][aria-label]').length,
					failed: [...document.querySelectorAll('figure[data-failed]')].map((f) => f.id + ' ' + f.dataset.failed),
					wide: document.documentElement.scrollWidth,
					wider: [...document.querySelectorAll('main :not(svg *), figure svg text')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll') && !e.closest('pre')).slice(0, 5).map((e) => e.tagName + ' ' + e.textContent.slice(0, 40) + ' ' + e.closest('figure')?.id),
					cut: [...document.querySelectorAll('figure svg text')].filter((e) => { const a = e.getBoundingClientRect(), b = e.ownerSVGElement.getBoundingClientRect(); return a.width && (a.right > b.right + 2 || a.left < b.left - 2); }).slice(0, 5).map((e) => e.textContent + ' ' + e.closest('figure').id),
				})`, &state)
				if state.Figures == 0 || state.Live != state.Figures || state.Images != state.Figures || len(state.Failed) > 0 {
					t.Errorf("figures: %+v", state)
				}
				if int(state.Wide) > v.width || len(state.Wider) > 0 {
					t.Errorf("the page is %v wide in a window of %d: %v", state.Wide, v.width, state.Wider)
				}
				if len(state.Cut) > 0 {
					t.Errorf("texts leave their figures: %v", state.Cut)
				}
			})
		}
	}
	b.t = t
}

func TestControlsInBrowser(t *testing.T) {
	b := newBrowser(t)
	b.open(writePage(t, fixture(small)), visit{width: 1280, scripts: true})

	var before, after []string
	axis := `[...document.querySelectorAll('#fig-2 .chart text')].map((t) => t.textContent)`
	b.eval(axis, &before)
	b.eval(`(async () => {
		const s = document.querySelector('select[data-figures]'), old = document.querySelector('#fig-2 .chart > div');
		s.value = 'qac';
		s.dispatchEvent(new Event('change'));
		for (let i = 0; i < 2000 && document.querySelector('#fig-2 .chart > div') === old; i++) await new Promise((r) => requestAnimationFrame(r));
	})()`, nil)
	b.eval(axis, &after)
	if strings.Join(before, "|") == strings.Join(after, "|") {
		t.Error("choosing a language changed nothing in figure 2")
	}

	var column []string
	b.eval(`(() => {
		const t = document.querySelector('#table-languages'), b = [...t.querySelectorAll('th button')].find((b) => b.textContent === 'nDCG@10');
		b.click();
		b.click();
		return [...t.tBodies[0].rows].map((r) => r.cells[[...t.tHead.rows[0].cells].indexOf(b.parentNode)].dataset.v);
	})()`, &column)
	for i := 1; i < len(column); i++ {
		var x, y float64
		if _, err := fmt.Sscan(column[i-1]+" "+column[i], &x, &y); err != nil || x > y {
			t.Errorf("sorted twice by nDCG@10, want ascending: %v", column)
			break
		}
	}

	var opacity []string
	b.eval(`(() => {
		const target = document.querySelector('#fig-3 .role-legend .role-symbol, #fig-3 .role-legend-symbol path');
		for (const type of ['pointerdown', 'mousedown', 'pointerup', 'mouseup', 'click']) target.dispatchEvent(new MouseEvent(type, {bubbles: true}));
		return new Promise((r) => setTimeout(() => r([...document.querySelectorAll('#fig-3 .mark-line path')].map((p) => p.getAttribute('opacity'))), 300));
	})()`, &opacity)
	if !strings.Contains(strings.Join(opacity, " "), "0.12") {
		t.Errorf("a click on the legend dims no line: %v", opacity)
	}

	var saved struct{ Name, Text string }
	b.eval(`(async () => {
		let got;
		const real = URL.createObjectURL;
		URL.createObjectURL = (x) => { got = x; return real.call(URL, x); };
		let name;
		HTMLAnchorElement.prototype.click = function () { name = this.download; };
		document.querySelector('button[data-svg=fig-1]').click();
		for (let i = 0; i < 500 && !got; i++) await new Promise((r) => requestAnimationFrame(r));
		return {name, text: await got.text()};
	})()`, &saved)
	if saved.Name != "fig-1.svg" || !strings.HasPrefix(saved.Text, "<svg") || strings.Contains(saved.Text, "var(") {
		t.Errorf("saved figure %q begins %.60q", saved.Name, saved.Text)
	}
	for _, c := range b.complaints() {
		if !strings.HasPrefix(c, "request: blob:") {
			t.Error(c)
		}
	}
}

// Another JavaScript engine draws the same figures from the same page, so the
// drawing does not hang on ours: every element, number and letter.
func TestChromiumDrawsTheSame(t *testing.T) {
	b := newBrowser(t)
	in := fixture(small)
	b.open(writePage(t, in), visit{width: 1280, scripts: true})
	e, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	d := drawing{a: &in.Summary.Analyses[0], claims: in.Summary.Claims, study: &in.Study}
	for _, f := range d.figures() {
		width := narrowDrawing
		if f.Wide {
			width = wideDrawing
		}
		ours, err := e.draw(f.Spec, width)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(f.Spec)
		if err != nil {
			t.Fatal(err)
		}
		var theirs struct {
			SVG      string
			Warnings []string
		}
		b.eval(fmt.Sprintf(`(async () => {
			const out = {warnings: []};
			XLChart.svg(%q, %d, out);
			for (let i = 0; i < 500 && !out.svg && !out.error; i++) await new Promise((r) => setTimeout(r));
			return out;
		})()`, text, width), &theirs)
		if got := roundNumbers(theirs.SVG); got != ours || len(theirs.Warnings) > 0 {
			at := 0
			for at < min(len(got), len(ours)) && got[at] == ours[at] {
				at++
			}
			t.Errorf("figure %s: Chromium differs at byte %d, warnings %v: %.120q, ours %.120q", f.Kind, at, theirs.Warnings, got[min(at, len(got)):], ours[at:])
		}
	}
}
