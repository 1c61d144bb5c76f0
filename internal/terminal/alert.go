// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/gyrfalcon/gyrfalcon/internal/alert"
	"github.com/gyrfalcon/gyrfalcon/internal/control"
)

// Form is how alerts are shown.
type Form string

// The forms.
const (
	Compact Form = "compact" // a line
	Tree    Form = "tree"    // a paragraph with the processes that led to it
	JSON    Form = "json"    // the line as it came
)

// ParseForm reads the name of a form.
func ParseForm(text string) (Form, error) {
	switch f := Form(text); f {
	case Compact, Tree, JSON:
		return f, nil
	}
	return "", fmt.Errorf("-o: %q is none of compact, tree, json", text)
}

// AlertPrinter shows the lines of a stream of alerts.
type AlertPrinter struct {
	Form Form
	Paint
	// Width is what a line may take, in columns; 0: it is not limited.
	Width int
}

// clock is how times are shown, in the zone of who looks.
const clock = "15:04:05.000"

// Append appends what is shown of one line; err tells that it is none of an alert. end says that it
// is the last line and why.
func (p *AlertPrinter) Append(dst, line []byte) (_ []byte, end string, err error) {
	var a control.Alert
	if err := json.Unmarshal(line, &a); err != nil {
		return dst, "", fmt.Errorf("gyr sent a line that cannot be read: %w", err)
	}
	if x := a.Extra; x != nil {
		end = x.End
	}
	switch {
	case p.Form == JSON:
		return append(append(dst, line...), '\n'), end, nil
	case a.Rule == "" && a.Extra != nil:
		if n := a.Extra.Dropped; n > 0 {
			dst = p.line(dst, p.In(alarm, fmt.Sprintf("%d alerts are missing here: this terminal was too slow", n)))
		}
		return dst, end, nil
	case p.Form == Tree:
		return p.tree(dst, &a), end, nil
	}
	return p.compact(dst, &a), end, nil
}

// colours are those of the priorities.
var colours = [...]string{
	alert.Emergency: alarm, alert.Alerting: alarm, alert.Critical: alarm, alert.Error: red, alert.Warning: yellow,
	alert.Notice: cyan, alert.Informational: green, alert.Debug: faint,
}

// priorityOf is the short name of a priority and its colour.
func priorityOf(name string) (short, colour string) {
	if p, err := alert.ParsePriority(name); err == nil {
		return p.Short(), colours[p]
	}
	return strings.ToUpper(Safe(name)), ""
}

// text is a field of an alert that is a text, "" if it has none.
func text(a *control.Alert, key string) string {
	s, _ := a.Fields[key].(string)
	return s
}

// processOf names the process that an alert is about.
func processOf(a *control.Alert) string {
	if a.Extra != nil && len(a.Extra.Lineage) > 0 {
		p := a.Extra.Lineage[0]
		return fmt.Sprintf("%s[%d]", Safe(p.Name), p.PID)
	}
	name := Safe(text(a, "proc.name"))
	if pid, ok := a.Fields["proc.pid"].(float64); ok && name != "" {
		return fmt.Sprintf("%s[%.0f]", name, pid)
	}
	return cmp.Or(name, "-")
}

// whereOf names pod or container of an alert; "" for the host.
func whereOf(a *control.Alert) string {
	c := &control.Container{}
	if a.Extra != nil && a.Extra.Container != nil {
		c = a.Extra.Container
	}
	c = &control.Container{
		ID: cmp.Or(c.ID, text(a, "container.id")), Name: cmp.Or(c.Name, text(a, "container.name")),
		Pod: cmp.Or(c.Pod, text(a, "k8s.pod.name")), Namespace: cmp.Or(c.Namespace, text(a, "k8s.ns.name")),
	}
	if c.ID == "host" {
		return ""
	}
	return shortName(c)
}

// shortName is the name of a container: the pod's, else its own, else its id.
func shortName(c *control.Container) string {
	if c.Pod != "" && c.Namespace != "" {
		return Safe(c.Namespace + "/" + c.Pod)
	}
	return Safe(cmp.Or(c.Pod, c.Name, c.ID))
}

// compact appends an alert as a line of columns.
func (p *AlertPrinter) compact(dst []byte, a *control.Alert) []byte {
	short, colour := priorityOf(a.Priority)
	form, rule, process, where := clock, 28, 20, 20
	if p.Width > 0 && p.Width < 110 {
		form, rule, process, where = time.TimeOnly, 20, 14, 14
	}
	fit := func(text string, width int) string {
		if p.Width == 0 {
			return text + strings.Repeat(" ", max(0, width-Width(text))) // whoever reads it has room
		}
		return Fit(text, width, false)
	}
	cells := []string{
		p.In(faint, a.Time.Local().Format(form)), p.In(colour, Fit(short, 9, false)),
		p.In(bold, fit(Safe(a.Rule), rule)), p.In(cyan, fit(processOf(a), process)),
	}
	if w := whereOf(a); w != "" || p.Width == 0 || p.Width >= 110 {
		cells = append(cells, p.In(blue, fit(cmp.Or(w, "host"), where)))
	}
	line := strings.Join(append(cells, Safe(a.Message)), " ")
	if p.Width > 0 {
		line = Cut(line, p.Width)
	}
	return append(append(dst, strings.TrimRight(line, " ")...), '\n')
}

// tree appends an alert as a paragraph.
func (p *AlertPrinter) tree(dst []byte, a *control.Alert) []byte {
	short, colour := priorityOf(a.Priority)
	head := p.In(faint, a.Time.Local().Format(clock)) + " " + p.In(colour, short) + " " + p.In(bold, Safe(a.Rule))
	dst = p.line(dst, head)
	message := Safe(a.Message)
	if p.Width > 4 {
		message = ansi.Wrap(message, p.Width-2, " ")
	}
	for line := range strings.SplitSeq(message, "\n") {
		dst = p.line(dst, "  "+line)
	}
	if where := p.container(a); where != "" {
		dst = p.line(dst, "  "+where)
	}
	indent := "  "
	chain := chainOf(a)
	for i := len(chain) - 1; i >= 0; i-- {
		x, branch := chain[i], ""
		if i < len(chain)-1 {
			branch = "└─ "
		}
		name := Safe(x.Name)
		if i == 0 {
			name = p.In(alarm, name)
		}
		line := indent + p.In(faint, branch) + name
		if x.PID > 0 {
			line += fmt.Sprintf(" %d", x.PID)
		}
		if x.Exe != "" && x.Exe != "<NA>" {
			line += " " + p.In(faint, Safe(x.Exe))
		}
		dst = p.line(dst, line)
		indent += strings.Repeat(" ", Width(branch))
	}
	return append(dst, '\n')
}

// line appends a line, cut to the width.
func (p *AlertPrinter) line(dst []byte, text string) []byte {
	if p.Width > 0 {
		text = Cut(text, p.Width)
	}
	return append(append(dst, strings.TrimRight(text, " ")...), '\n')
}

// container says in which container and pod something happened.
func (p *AlertPrinter) container(a *control.Alert) string {
	where := whereOf(a)
	if where == "" {
		return ""
	}
	image := text(a, "container.image.repository")
	if a.Extra != nil && a.Extra.Container != nil {
		image = cmp.Or(a.Extra.Container.Image, image)
	}
	if image != "" {
		where += " (" + Safe(image) + ")"
	}
	return p.In(blue, "in "+where)
}

// chainOf are the processes of an alert, the one that it is about first. For alerts without lineage
// they are what its fields tell.
func chainOf(a *control.Alert) []control.Process {
	if a.Extra != nil && len(a.Extra.Lineage) > 0 {
		return a.Extra.Lineage
	}
	var chain []control.Process
	if name := text(a, "proc.name"); name != "" {
		pid, _ := a.Fields["proc.pid"].(float64)
		chain = append(chain, control.Process{Name: name, PID: int64(pid), Exe: text(a, "proc.exepath")})
		if parent := text(a, "proc.pname"); parent != "" {
			pid, _ := a.Fields["proc.ppid"].(float64)
			chain = append(chain, control.Process{Name: parent, PID: int64(pid), Exe: text(a, "proc.pexepath")})
		}
		for i := 2; i < 10; i++ {
			if name := text(a, fmt.Sprintf("proc.aname[%d]", i)); name != "" {
				chain = append(chain, control.Process{Name: name})
			} else {
				break
			}
		}
	}
	return chain
}
