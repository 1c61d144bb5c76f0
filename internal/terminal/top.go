// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/gyrfalcon/gyrfalcon/internal/control"
)

// Sample is the message that brings the view a new sample.
type Sample struct{ *control.Top }

// Silence is the message that gyr does not answer any more.
type Silence struct{ Err error }

// tick is the message that time has passed.
type tick time.Time

// stale is how long no sample may come until the view says so.
const stale = 4 * time.Second

// View is what "gyr top" shows: a bubbletea model.
type View struct {
	paint         Paint
	width, height int
	now           func() time.Time

	pane      int
	sort      [len(panes)]int
	backwards [len(panes)]bool
	offset    int // the first row that is shown
	paused    bool
	top       *control.Top // nil before the first sample
	came      time.Time    // when it came
	newest    *control.Top // what came while paused
	silence   error        // why gyr does not answer; nil if it does
}

// NewView returns a view that is coloured if paint says so.
func NewView(paint Paint) *View {
	v := &View{paint: paint, width: 80, height: 24, now: time.Now}
	for i := range panes {
		v.sort[i] = panes[i].sort
	}
	v.came = v.now()
	return v
}

// Init is tea.Model's.
func (v *View) Init() tea.Cmd { return wait() }

// wait asks for the next tick.
func wait() tea.Cmd { return tea.Tick(time.Second, func(t time.Time) tea.Msg { return tick(t) }) }

// Update is tea.Model's.
func (v *View) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		v.width, v.height = max(msg.Width, 1), max(msg.Height, 1)
	case Sample:
		v.came, v.newest, v.silence = v.now(), msg.Top, nil
		if !v.paused {
			v.top = msg.Top
		}
	case Silence:
		v.silence = msg.Err
	case tick:
		return v, wait()
	case tea.KeyPressMsg:
		return v, v.press(msg.String())
	}
	v.scroll(0)
	return v, nil
}

// press does what a key asks for.
func (v *View) press(key string) tea.Cmd {
	p := &panes[v.pane]
	switch key {
	case "q", "Q", "ctrl+c", "esc":
		return tea.Quit
	case "1", "2", "3", "4":
		v.show(int(key[0] - '1'))
	case "tab", "right", "l":
		v.show((v.pane + 1) % len(panes))
	case "shift+tab", "left", "h":
		v.show((v.pane + len(panes) - 1) % len(panes))
	case "s":
		v.sort[v.pane] = (v.sort[v.pane] + 1) % len(p.columns)
		v.backwards[v.pane], v.offset = false, 0
	case "S":
		v.sort[v.pane] = (v.sort[v.pane] + len(p.columns) - 1) % len(p.columns)
		v.backwards[v.pane], v.offset = false, 0
	case "r":
		v.backwards[v.pane] = !v.backwards[v.pane]
	case "p", "space", " ":
		v.paused = !v.paused
		if !v.paused && v.newest != nil {
			v.top = v.newest
		}
	case "up", "k":
		v.scroll(-1)
	case "down", "j":
		v.scroll(1)
	case "pgup":
		v.scroll(-v.room())
	case "pgdown":
		v.scroll(v.room())
	case "home", "g":
		v.offset = 0
	case "end", "G":
		v.scroll(1 << 20)
	}
	return nil
}

// show goes to a pane.
func (v *View) show(pane int) { v.pane, v.offset = pane, 0 }

// frame is how many lines stand around the rows.
const frame = 6

// room is how many rows are shown.
func (v *View) room() int { return max(0, v.height-frame) }

// scroll moves the rows, and keeps them where there are some.
func (v *View) scroll(by int) {
	n := 0
	if v.top != nil {
		n = len(panes[v.pane].rows(v.top))
	}
	v.offset = max(0, min(v.offset+by, n-v.room()))
}

// View is tea.Model's.
func (v *View) View() tea.View {
	view := tea.NewView(strings.Join(v.lines(), "\n"))
	view.AltScreen = true
	view.WindowTitle = "gyr top"
	return view
}

// lines are all lines of the screen.
func (v *View) lines() []string {
	if v.top == nil {
		return v.bounded([]string{"gyr top: " + v.waiting()})
	}
	p := &panes[v.pane]
	lines := append(v.header(), v.tabs())
	widths := p.layout(v.width)
	lines = append(lines, v.paint.In(bold, p.head(widths, v.sort[v.pane], v.backwards[v.pane])))
	rows := p.rows(v.top)
	p.sorted(rows, v.sort[v.pane], v.backwards[v.pane])
	shown := rows[min(v.offset, len(rows)):min(v.offset+v.room(), len(rows))]
	for _, row := range shown {
		lines = append(lines, p.line(widths, row, v.paint))
	}
	for len(lines) < v.height-1 {
		lines = append(lines, "")
	}
	return v.bounded(append(lines, v.footer(len(rows))))
}

// bounded cuts lines to the screen.
func (v *View) bounded(lines []string) []string {
	lines = lines[:min(len(lines), v.height)]
	for i := range lines {
		lines[i] = strings.TrimRight(Cut(lines[i], v.width), " ")
	}
	return lines
}

// waiting says what is waited for.
func (v *View) waiting() string {
	if v.silence != nil {
		return Safe(v.silence.Error())
	}
	return "waiting for the first sample"
}

// header are the lines over the panes.
func (v *View) header() []string {
	lines := Header(v.top, v.paint)
	switch idle := v.now().Sub(v.came); {
	case v.silence != nil:
		lines[0] = v.paint.In(alarm, Safe(v.silence.Error()))
	case v.paused:
		lines[0] = v.paint.In(yellow, "PAUSED") + " " + lines[0]
	case idle >= stale:
		lines[0] = v.paint.In(alarm, fmt.Sprintf("nothing heard for %.0fs", idle.Seconds())) + " " + lines[0]
	}
	return lines
}

// Header are the three lines of figures over the tables.
func Header(t *control.Top, paint Paint) []string {
	lost, perSecond := uint64(0), 0.0
	for _, l := range t.Losses {
		lost += l.Count
		perSecond += l.PerSecond
	}
	losses := "nothing lost"
	if lost > 0 {
		losses = paint.In(alarm, fmt.Sprintf("lost %s/s, %d in all: %s", number(perSecond), lost, reasons(t.Losses)))
	}
	return []string{
		fmt.Sprintf("%s on %s, up %s, %s", paint.In(bold, "gyr "+Safe(t.Version)), Safe(t.Hostname), Age(t.Time.Sub(t.Started)), t.Time.Local().Format("15:04:05")),
		fmt.Sprintf("%s events/s, %s alerts/s (%d in all), %s", paint.In(bold, number(t.EventsPS)), number(t.AlertsPS), t.Alerts, losses),
		fmt.Sprintf("CPU %.1f%%, %s an event (rules %s), %d MiB, %d rules, %d processes",
			t.CPU, duration(t.EventNS), duration(t.RulesNS), t.RSSBytes>>20, t.RulesInUse, t.Running),
	}
}

// reasons names why events were lost.
func reasons(losses []control.LossRate) string {
	var names []string
	for _, l := range losses {
		if l.Count > 0 {
			names = append(names, Safe(l.Reason))
		}
	}
	return strings.Join(names, ", ")
}

// Age is a time as people say it: its two largest units.
func Age(d time.Duration) string {
	s := int(d.Seconds())
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm %ds", s/60, s%60)
	case s < 48*3600:
		return fmt.Sprintf("%dh %dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd %dh", s/86400, s/3600%24)
}

// tabs is the line that names the panes; without colour brackets mark the one that is shown.
func (v *View) tabs() string {
	var all []string
	for i := range panes {
		title := panes[i].title
		if v.width < 60 {
			title = panes[i].short
		}
		name := fmt.Sprintf(" %d %s ", i+1, title)
		if i == v.pane {
			name = "[" + name[1:len(name)-1] + "]"
			name = v.paint.In(reverse, name)
		}
		all = append(all, name)
	}
	return strings.Join(all, "")
}

// footer names the keys, and which rows are shown if not all are.
func (v *View) footer(rows int) string {
	text := "q quit  1-4 tab pane  s sort  r reverse  p pause  ↑↓ scroll"
	if v.width < 60 {
		text = "q quit  1-4 s r p ↑↓"
	}
	if rows > v.room() {
		text += fmt.Sprintf("  %d-%d of %d", min(v.offset+1, rows), min(v.offset+v.room(), rows), rows)
	}
	return v.paint.In(faint, text)
}

// Page is a sample as text: the figures, and the first rows of all tables.
func Page(t *control.Top, width, rows int, paint Paint) string {
	var b strings.Builder
	for _, line := range Header(t, paint) {
		b.WriteString(Cut(line, width) + "\n")
	}
	for i := range panes {
		p := &panes[i]
		widths := p.layout(width)
		fmt.Fprintf(&b, "\n%s\n", paint.In(bold, strings.TrimRight(p.head(widths, p.sort, false), " ")))
		all := p.rows(t)
		p.sorted(all, p.sort, false)
		for _, row := range all[:min(rows, len(all))] {
			b.WriteString(strings.TrimRight(p.line(widths, row, paint), " ") + "\n")
		}
		if more := len(all) - rows; more > 0 {
			fmt.Fprintf(&b, "… %d more\n", more)
		}
	}
	return b.String()
}
