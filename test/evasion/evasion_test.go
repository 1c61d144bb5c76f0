// SPDX-License-Identifier: Apache-2.0

// Package evasion does, on the running kernel, what is known to hide from monitors of system calls,
// and keeps the score: which default rule fires, or which field tells the truth.
package evasion

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gyrfalcon/gyrfalcon/test/host"
)

var update = flag.Bool("update", false, "write docs/evasion-scorecard.md")

const scorecard = "../../docs/evasion-scorecard.md"

func TestMain(m *testing.M) {
	flag.Parse()
	enter := host.LeaveCgroups()
	code := m.Run()
	enter()
	host.RemoveCgroups()
	os.Exit(code)
}

// mark is a text that stands in all paths and command lines of a row, and in none of another's.
func (r *row) mark() string {
	return "ev-" + strings.ToLower(strings.ReplaceAll(r.ID, "/", "-")) + "-x"
}

// hooksMark is the mark of a row that tells whether programs at the kernel's security checks are allowed.
const hooksMark = "ev-p10-rename-x"

// witnesses are rules that tell what events of the rows say.
func witnesses() string {
	var b strings.Builder
	for i := range rows {
		r := &rows[i]
		if r.Witness == "" {
			continue
		}
		mark := `"` + r.mark() + `"`
		condition := fmt.Sprintf("(%s) and (proc.cmdline contains %s or proc.exepath contains %s)", r.Witness, mark, mark)
		if strings.Contains(r.Witness, "MARK") {
			condition = strings.ReplaceAll(r.Witness, "MARK/", r.mark()+"/")
			condition = strings.ReplaceAll(condition, "MARK", mark)
		}
		fmt.Fprintf(&b, "- rule: witness %s\n  desc: what tells of it\n  condition: >\n    %s\n  output: mark=%s event=%%evt.type %%evt.args\n  priority: DEBUG\n", r.ID, condition, r.mark())
	}
	fmt.Fprintf(&b, "- rule: witness hooks\n  desc: the kernel tells what it resolved\n  condition: evt.type in (rename, renameat, renameat2) and fs.path.real.target exists and proc.cmdline contains \"%s\"\n  output: mark=%s\n  priority: DEBUG\n", hooksMark, hooksMark)
	return b.String()
}

// perform does a row.
func (r *row) perform(s *scene) error {
	if r.Do != nil {
		return r.Do(s)
	}
	args := slices.Clone(r.Act)
	for i, a := range args {
		args[i] = strings.NewReplacer("NOTHING", s.fake("nothing"), "EVADER", s.evader, "DIR", s.dir).Replace(a)
	}
	return s.act(r.In, args[0], args[1:]...)
}

// here reports whether the row is done on this machine. Guests do what depends on the programs at the
// kernel's security checks, and the row that tells whether there are any.
func (r *row) here() bool {
	return guestPrograms == "" || len(r.Hooked) > 0 || r.mark() == hooksMark
}

// short lists the rows done beside others that gyr did not see as it should. Rows that race fill the ring when gyr
// gets little of the machine, and what they push out is another row's: that is counted, and the matter of
// other tests. Here it is asked whether gyr sees the row, by itself if need be.
func short(w *watcher, failed []error) (found []int) {
	hooks := w.about(hooksMark)["witness hooks"] != nil
	for i := range rows {
		if r := &rows[i]; !r.Alone && r.here() && failed[i] == nil && r.judge(w) < r.expected(hooks) {
			found = append(found, i)
		}
	}
	return found
}

// TestEvasion does every row and holds it to its verdict, not better and not worse.
func TestEvasion(t *testing.T) {
	host.NeedLive(t)
	p := build(t)
	w := watch(t, p, witnesses())
	failed := make([]error, len(rows))
	scenes := make([]*scene, len(rows))
	home := p.dir
	do := func(i int) {
		r := &rows[i]
		s := &scene{programs: p, w: w, mark: r.mark(), dir: filepath.Join(home, r.mark())}
		scenes[i] = s
		if failed[i] = os.MkdirAll(s.dir, 0o777); failed[i] == nil {
			os.Chmod(s.dir, 0o777)
			begin := time.Now()
			failed[i] = r.perform(s)
			if d := time.Since(begin); d > 2*time.Second {
				t.Logf("%s took %v", r.ID, d)
			}
		}
	}
	var group sync.WaitGroup
	slots := make(chan struct{}, 4)
	for i := range rows {
		if !rows[i].Alone && rows[i].here() {
			slots <- struct{}{}
			group.Go(func() { do(i); <-slots })
		}
	}
	group.Wait()
	if lost := w.lostByNow(t, p); lost != "" {
		home = filepath.Join(p.dir, "again")
		for _, i := range short(w, failed) {
			t.Logf("%s is %s, but events were lost, so it is done again: %s", rows[i].ID, rows[i].judge(w), lost)
			do(i)
		}
	}
	for i := range rows {
		if rows[i].Alone && rows[i].here() {
			do(i)
		}
	}
	w.wall(t, p, "ev-wall-x")
	hooks := w.about(hooksMark)["witness hooks"] != nil
	t.Logf("programs at the kernel's security checks: %v", hooks)
	if guestPrograms != "" && !hooks {
		t.Error("nothing is told of security checks, which the guests' kernels allow")
	}
	var measured []verdict
	for i := range rows {
		got := rows[i].judge(w)
		measured = append(measured, got)
		if !rows[i].here() {
			continue
		}
		t.Run(rows[i].ID, func(t *testing.T) { rows[i].hold(t, scenes[i], got, hooks, failed[i]) })
	}
	if guestPrograms == "" {
		t.Logf("\n%s", table(measured))
	}
	if err := w.stop(); err != nil {
		t.Errorf("%v\n%s", err, w.log.String())
	} else if t.Failed() {
		t.Logf("gyr says:\n%s\nof nobody in the table:\n%s", w.log.String(), strings.Join(w.unmarked(), "\n"))
	}
	for _, line := range w.bad {
		if strings.Contains(line, "forged") || strings.HasPrefix(line, "{") {
			t.Errorf("a line of the output is no alert: %q", line)
		}
	}
}

// judge looks at what gyr said about a row.
func (r *row) judge(w *watcher) verdict {
	about := w.about(r.mark())
	_, told := about["witness "+r.ID]
	for _, rule := range r.Rules {
		if about[rule] != nil && (told || r.Witness == "") {
			return detected
		}
	}
	for rule := range about {
		if slices.Contains(r.Hooked, rule) {
			return detected
		}
		if !strings.HasPrefix(rule, "witness ") && !slices.Contains(r.Also, rule) && !slices.Contains(r.Rules, rule) {
			return detected // unexpectedly
		}
	}
	if told || r.Check != nil && len(r.Rules) == 0 {
		return seen
	}
	return blind
}

// hold fails the test unless the verdict is the table's.
func (r *row) hold(t *testing.T, s *scene, got verdict, hooks bool, err error) {
	if err != nil {
		t.Fatalf("it could not be done: %v", err)
	}
	about := s.w.about(r.mark())
	if r.Check != nil {
		if err := r.Check(s); err != nil {
			t.Error(err)
		}
	}
	switch want := r.expected(hooks); {
	case got < want:
		t.Errorf("%s, and should be %s; what was said: %q", got, want, about)
	case got > want:
		t.Errorf("%s, which is better than the table's %s: bring it up to date; what was said: %q", got, want, about)
	case got == detected && r.Witness != "" && about["witness "+r.ID] == nil:
		t.Errorf("rules see it, but not the witness: %q", slices.Sorted(maps.Keys(about)))
	}
}

// table prints rows and verdicts as Markdown.
func table(verdicts []verdict) string {
	var b strings.Builder
	b.WriteString("Id | Technique | Verdict | Rule | Field or event | Note\n:--|:--|:--|:--|:--|:--\n")
	for i := range rows {
		r := &rows[i]
		rule := ""
		if len(r.Rules) > 0 {
			rule = r.Rules[0]
		}
		note := r.Note
		if len(r.Hooked) > 0 {
			note += fmt.Sprintf("; where it is allowed: %s, by %s (fs.path.real)", r.expected(true), r.Hooked[0])
		}
		cells := []string{r.ID, r.Technique, verdicts[i].String(), rule, r.Field, note}
		for j := range cells {
			cells[j] = strings.ReplaceAll(cells[j], "|", `\|`)
		}
		b.WriteString(strings.Join(cells, " | ") + "\n")
	}
	return b.String()
}

// TestScorecard holds the document to the table.
func TestScorecard(t *testing.T) {
	var verdicts []verdict
	var counts, hooked [detected + 1]int
	for i := range rows {
		v := rows[i].expected(false)
		verdicts = append(verdicts, v)
		counts[v]++
		hooked[rows[i].expected(true)]++
	}
	text, err := os.ReadFile("testdata/introduction.md")
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%s\nOf %d ways %d are detected, %d seen, and to %d Gyrfalcon is blind; where LSM and fentry programs are allowed "+
		"%d are detected, %d seen, and to %d it is blind.\n\n%s", text, len(rows), counts[detected], counts[seen], counts[blind],
		hooked[detected], hooked[seen], hooked[blind], table(verdicts))
	if *update {
		if err := os.WriteFile(scorecard, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(scorecard)
	if err != nil || !bytes.Equal(got, []byte(want)) {
		t.Errorf("docs/evasion-scorecard.md is not what the table says (go test ./test/evasion -run Scorecard -update): %v", err)
	}
}

// TestTable holds the table to having marks that tell rows apart, and reasons for what is not detected.
func TestTable(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Log("the table's verdicts were taken on x86-64")
	}
	marks := map[string]bool{}
	for i := range rows {
		r := &rows[i]
		if marks[r.mark()] {
			t.Errorf("%s stands twice in the table", r.ID)
		}
		marks[r.mark()] = true
		if r.expected(false) != detected && r.Note == "" && r.Check == nil {
			t.Errorf("%s is %s and does not say why", r.ID, r.expected(false))
		}
		if r.expected(false) == blind && strings.ContainsAny(r.ID[:1], "PNAST") && !strings.Contains(r.Note, needsHooks) {
			t.Errorf("%s is blind without the excuse that the kernel gives", r.ID)
		}
	}
}
