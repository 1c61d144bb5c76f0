// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/control"
)

// pane is one of the tables.
type pane struct {
	title   string
	short   string // the title where there is little room
	columns []column
	rows    func(t *control.Top) [][]cell
	sort    int // the column that is sorted by at first
}

// column is one column of a pane.
type column struct {
	title string
	// width is the width of a column of numbers, or the least width of one of texts, which share what
	// is left.
	width  int
	number bool
	// most is the greatest width of a column of texts, 0 if it is not limited.
	most int
	// rank says which columns are left out first where there is no room: those with the highest.
	rank int
}

// cell is one entry: what is shown, and for numbers what is sorted by.
type cell struct {
	text   string
	value  float64
	colour string
}

// label makes a cell of somebody else's text.
func label(text string) cell { return cell{text: Safe(text)} }

// rate makes a cell of events per second.
func rate(n float64) cell { return cell{text: number(n), value: n} }

// count makes a cell of a whole number.
func count(n uint64) cell {
	c := cell{text: fmt.Sprint(n), value: float64(n)}
	if n >= 1e6 {
		c.text = number(c.value)
	}
	return c
}

// nanoseconds makes a cell of a duration, empty if it is not known.
func nanoseconds(ns float64) cell {
	if ns == 0 {
		return cell{}
	}
	return cell{text: duration(ns), value: ns}
}

// share makes a cell of n as a part of all.
func share(n, all float64) cell {
	if all <= 0 {
		return cell{}
	}
	return cell{text: fmt.Sprintf("%.1f", 100*n/all), value: n}
}

// number is a number as short as people like it.
func number(n float64) string {
	switch {
	case n == 0:
		return "0"
	case n < 10:
		return fmt.Sprintf("%.1f", n)
	case n < 1e6:
		return fmt.Sprintf("%.0f", n)
	case n < 1e9:
		return fmt.Sprintf("%.2fM", n/1e6)
	}
	return fmt.Sprintf("%.2fG", n/1e9)
}

// duration is a number of nanoseconds with its unit.
func duration(ns float64) string {
	switch {
	case ns < 1e3:
		return fmt.Sprintf("%.0fns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.1fµs", ns/1e3)
	}
	return fmt.Sprintf("%.1fms", ns/1e6)
}

// most marks a rate that may be too large by more than a tenth.
func most(n, over float64) cell {
	c := rate(n)
	if over > n/10 {
		c.text = "≤" + c.text
	}
	return c
}

// panes are all tables, in the order of their keys.
var panes = [...]pane{
	{title: "System calls", short: "Calls", sort: 1, columns: []column{
		{"EVENT", 12, false, 40, 0}, {"PER S", 9, true, 0, 0}, {"%", 5, true, 0, 1}, {"RULES", 8, true, 0, 2}, {"SEEN", 10, true, 0, 3},
	}, rows: func(t *control.Top) (rows [][]cell) {
		for _, s := range t.Syscalls {
			rows = append(rows, []cell{label(s.Name), rate(s.PerSecond), share(s.PerSecond, t.EventsPS), nanoseconds(s.RulesNS), count(s.Events)})
		}
		return rows
	}},
	{title: "Processes", short: "Procs", sort: 2, columns: []column{
		{"PID", 8, true, 0, 0}, {"NAME", 12, false, 16, 0}, {"PER S", 9, true, 0, 0}, {"%", 5, true, 0, 1}, {"WHERE", 10, false, 0, 3}, {"PROGRAM", 14, false, 0, 2},
	}, rows: func(t *control.Top) (rows [][]cell) {
		for _, p := range t.Processes {
			where := cell{}
			if p.Container != nil {
				where = cell{text: shortName(p.Container), colour: blue}
			}
			pid := cell{text: fmt.Sprint(p.PID), value: float64(p.PID)}
			rows = append(rows, []cell{pid, label(p.Name), most(p.PerSecond, p.Over), share(p.PerSecond, t.EventsPS), where, label(p.Exe)})
		}
		return rows
	}},
	{title: "Containers", short: "Conts", sort: 4, columns: []column{
		{"CONTAINER", 12, false, 13, 0}, {"NAME", 10, false, 0, 1}, {"POD", 12, false, 0, 2}, {"IMAGE", 12, false, 0, 4}, {"PER S", 9, true, 0, 0}, {"%", 5, true, 0, 3},
	}, rows: func(t *control.Top) (rows [][]cell) {
		for _, c := range t.Containers {
			pod := c.Pod
			if c.Namespace != "" {
				pod = c.Namespace + "/" + c.Pod
			}
			rows = append(rows, []cell{label(cmp.Or(c.ID, "host")), label(c.Name), label(pod), label(c.Image), most(c.PerSecond, c.Over), share(c.PerSecond, t.EventsPS)})
		}
		return rows
	}},
	{title: "Rules", short: "Rules", sort: 2, columns: []column{
		{"RULE", 16, false, 0, 0}, {"PRIORITY", 9, false, 9, 4}, {"MATCH/S", 8, true, 0, 0}, {"MATCHED", 8, true, 0, 1}, {"TEST/S", 8, true, 0, 3}, {"TEST", 7, true, 0, 2}, {"CPU%", 6, true, 0, 1},
	}, rows: func(t *control.Top) (rows [][]cell) {
		for _, r := range t.Rules {
			short, colour := priorityOf(r.Priority)
			rows = append(rows, []cell{
				label(r.Name), {text: short, colour: colour}, rate(r.Matched), count(r.Matches), rate(r.Tested), nanoseconds(r.NS),
				{text: fmt.Sprintf("%.2f", r.CPU), value: r.CPU},
			})
		}
		return rows
	}},
}

// sorted orders rows by a column: numbers from the largest, texts from the first, or the other way
// round.
func (p *pane) sorted(rows [][]cell, by int, backwards bool) {
	slices.SortStableFunc(rows, func(a, b []cell) int {
		order := strings.Compare(a[by].text, b[by].text)
		if p.columns[by].number {
			order = cmp.Compare(b[by].value, a[by].value)
		}
		if backwards {
			order = -order
		}
		return order
	})
}

// layout tells the width of each column, 0 for those that have no room.
func (p *pane) layout(width int) []int {
	widths := make([]int, len(p.columns))
	worst := 0
	for _, c := range p.columns {
		worst = max(worst, c.rank)
	}
	for limit := worst; ; limit-- {
		used := -1
		for i, c := range p.columns {
			widths[i] = 0
			if c.rank > limit {
				continue
			}
			widths[i] = c.width
			used += c.width + 1
		}
		if used > width && limit > 0 {
			continue
		}
		p.share(widths, width-used)
		return widths
	}
}

// share gives columns of texts what is left.
func (p *pane) share(widths []int, left int) {
	for given := true; left > 0 && given; {
		given = false
		for i, c := range p.columns {
			if left > 0 && widths[i] > 0 && !c.number && (c.most == 0 || widths[i] < c.most) {
				widths[i]++
				left--
				given = true
			}
		}
	}
}

// head is the line over a table; the column that is sorted by has a mark.
func (p *pane) head(widths []int, by int, backwards bool) string {
	var cells []string
	for i, c := range p.columns {
		if widths[i] == 0 {
			continue
		}
		title := c.title
		if i == by {
			title += map[bool]string{false: "▼", true: "▲"}[backwards]
		}
		cells = append(cells, Fit(title, widths[i], c.number))
	}
	return strings.Join(cells, " ")
}

// line is one row.
func (p *pane) line(widths []int, row []cell, paint Paint) string {
	var cells []string
	for i, c := range p.columns {
		if widths[i] > 0 {
			cells = append(cells, paint.In(row[i].colour, Fit(row[i].text, widths[i], c.number)))
		}
	}
	return strings.Join(cells, " ")
}
