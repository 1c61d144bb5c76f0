// SPDX-License-Identifier: Apache-2.0

package live

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// evtgenCase is a recorded case of Falco's event generator: what is done and which alert it brings.
type evtgenCase struct {
	ID      string
	Rule    string
	RunIf   any
	Before  string
	Context struct {
		Container *struct{}
		Processes []struct{ Name, Exe, Args, User string }
	}
	Resources []struct {
		Type, Subtype, FilePath, DirPath string
		L4Proto, Address, Name           string
		FileLess                         bool
	}
	Steps []struct {
		Syscall string
		Args    map[string]any
	}
	Expected struct {
		Priority     string
		OutputFields map[string]string
	}
}

// TestEventGenerator performs the recorded cases with real processes under upstream's rules and
// wants the alerts that they bring from Falco.
func TestEventGenerator(t *testing.T) {
	needLive(t)
	dir := corpora(t)
	if runtime.GOARCH != "amd64" {
		t.Skip("the cases use system calls that only x86 has")
	}
	needBuild(t)
	cases := readEvtgen(t, filepath.Join(dir, "e2e-evtgen.jsonl"))
	root, users := hostWithUsers(t)
	w := watchUpstream(t, filepath.Join(dir, "rules/upstream-current"), root, cases)
	good := 0
	var slow sync.WaitGroup
	var mu sync.Mutex
	judge := func(i int) {
		problem := perform(t, w, &cases[i], fmt.Sprintf("evtgen-%d", i), users)
		mu.Lock()
		defer mu.Unlock()
		if problem != "" {
			t.Errorf("%s: %s", cases[i].ID, problem)
			return
		}
		good++
	}
	for i := range cases {
		if strings.HasPrefix(cases[i].Before, "sleep ") {
			slow.Go(func() { judge(i) })
			continue
		}
		judge(i)
	}
	slow.Wait()
	t.Logf("%d of %d cases agree", good, len(cases))
	if _, err := w.stop(); err != nil {
		t.Error(err)
	}
}

// corpora is the directory of recorded cases; the test is skipped, or fails where they are
// required, without it.
func corpora(t *testing.T) string {
	dir := os.Getenv("GYR_CORPORA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpora")
	}
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("GYR_REQUIRE_CORPORA") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return dir
}

func readEvtgen(t *testing.T, path string) (cases []evtgenCase) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c evtgenCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	if len(cases) == 0 {
		t.Fatal("no cases")
	}
	return cases
}

// hostWithUsers makes a view of the machine whose users include those that the cases are about,
// and returns it with the users' numbers.
func hostWithUsers(t *testing.T) (root string, users map[string]uint32) {
	root, users = t.TempDir(), map[string]uint32{}
	data, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if part := strings.Split(line, ":"); len(part) > 3 {
			uid, _ := strconv.ParseUint(part[2], 10, 32)
			users[part[0]] = uint32(uid)
		}
	}
	for i, name := range []string{"bin", "daemon", "games", "lp", "mail", "nobody", "sshd", "sync", "uucp", "www-data"} {
		if _, there := users[name]; !there {
			users[name] = uint32(64900 + i)
			data = fmt.Appendf(data, "%s:x:%d:%d::/:/bin/false\n", name, users[name], users[name])
		}
	}
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "etc/passwd"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"etc/group", "proc", "sys"} {
		if err := os.Symlink("/"+name, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	return root, users
}

// watchUpstream runs gyr with all of upstream's rules; every alert bears the mark of its process
// and all fields that some case wants.
func watchUpstream(t *testing.T, rules, root string, cases []evtgenCase) *watcher {
	fields := map[string]bool{}
	for _, c := range cases {
		for name := range c.Expected.OutputFields {
			fields[name] = true
		}
	}
	extra := []any{map[string]string{"mark": "%proc.env[GYR_MARK]"}}
	for name := range fields {
		extra = append(extra, name)
	}
	text, err := json.Marshal(map[string]any{"extra_fields": extra})
	if err != nil {
		t.Fatal(err)
	}
	stopShared()
	w, err := start("-r", rules, "-o", "rule_matching=all", "-o", "rules[].enable.rule=*", "-o", "gyr.host_root="+root,
		"-o", "append_output[]="+string(text))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// perform does what a case describes and returns what is wrong with the alerts, "" if nothing.
func perform(t *testing.T, w *watcher, c *evtgenCase, mark string, users map[string]uint32) string {
	s := newScene(t, mark)
	undo, err := prepare(c)
	defer undo()
	if err != nil {
		return err.Error()
	}
	argv, err := c.start(s, users)
	if err != nil {
		return err.Error()
	}
	defer os.RemoveAll(s.dir)
	cmd := s.command(argv[0], argv)
	if text, err := finish(cmd); err != nil {
		return fmt.Sprintf("%v\n%s", err, text)
	}
	mine := func(a *alert) bool { return a.Fields["mark"] == mark && a.Rule == c.Rule && c.differs(a) == "" }
	if len(w.wait(1, 5*time.Second, mine)) > 0 {
		return ""
	}
	return c.explain(w, mark)
}

// differs says which field of an alert is not as wanted.
func (c *evtgenCase) differs(a *alert) string {
	if !strings.EqualFold(a.Priority, c.Expected.Priority) {
		return "priority " + a.Priority
	}
	for name, want := range c.Expected.OutputFields {
		if got := fmt.Sprint(a.Fields[name]); got != want {
			return fmt.Sprintf("%s is %q, not %q", name, got, want)
		}
	}
	return ""
}

// explain tells what came instead of the wanted alert.
func (c *evtgenCase) explain(w *watcher, mark string) string {
	text := "no alert of " + strconv.Quote(c.Rule)
	for _, a := range w.find(func(a *alert) bool { return a.Fields["mark"] == mark }) {
		text += "\n\t" + a.Rule + ": " + c.differs(&a) + ": " + a.Output
	}
	return text
}

// prepare makes the files that a case needs and that are not there; undo removes them and what the
// case leaves behind.
func prepare(c *evtgenCase) (undo func(), err error) {
	var made []string
	undo = func() {
		for i := len(made) - 1; i >= 0; i-- {
			os.Remove(made[i])
		}
	}
	leaves := func(path string) {
		if _, err := os.Lstat(path); os.IsNotExist(err) {
			made = append(made, path)
		}
	}
	if rest, ok := strings.CutPrefix(c.Before, "rm -f "); ok {
		os.Remove(rest)
		made = append(made, rest)
	}
	for _, p := range c.Context.Processes {
		if p.Exe != "" {
			leaves(p.Exe)
		}
	}
	for _, s := range c.Steps {
		for _, key := range []string{"pathname", "oldPath"} {
			path, _ := s.Args[key].(string)
			if path == "" {
				continue
			}
			for at := filepath.Dir(filepath.Clean(path)); at != "/"; at = filepath.Dir(at) {
				leaves(at)
			}
			for i, j := 0, len(made)-1; i < j; i, j = i+1, j-1 {
				made[i], made[j] = made[j], made[i] // parents first
			}
			if err := os.MkdirAll(filepath.Dir(filepath.Clean(path)), 0o755); err != nil {
				return undo, err
			}
			leaves(filepath.Clean(path))
			f, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_RDONLY, 0o666)
			if err != nil {
				return undo, err
			}
			f.Close()
		}
	}
	return undo, nil
}

// start returns the command line that begins the case's chain of processes.
func (c *evtgenCase) start(s *scene, users map[string]uint32) ([]string, error) {
	type link struct {
		Path string
		Argv []string
		UID  uint32
		Copy bool
	}
	type step struct {
		Call string
		Args map[string]any
	}
	var ch struct {
		Links                   []link
		Memfd                   bool
		Sleep, Network, Address string
		Steps                   []step
		Linger                  time.Duration
	}
	st := stage{}
	for _, p := range c.Context.Processes {
		l := link{Path: p.Exe, Argv: append([]string{p.Name}, strings.Fields(p.Args)...), UID: users[p.User]}
		if l.Path == "" {
			l.Path = s.actor(p.Name)
		} else {
			l.Argv[0], l.Copy = l.Path, true
			if c.Context.Container != nil {
				st.Overlay, st.Upper = filepath.Dir(l.Path), filepath.Dir(s.path("upper/x"))
			}
		}
		ch.Links = append(ch.Links, l)
	}
	for _, r := range c.Resources {
		switch r.Type {
		case "clientServer":
			ch.Network, ch.Address = r.L4Proto, r.Address
			st.Net, st.Addrs = true, []string{}
			if host, _, _ := strings.Cut(r.Address, ":"); strings.HasPrefix(host, "203.") {
				st.Addrs = append(st.Addrs, host)
			}
		case "process":
			ch.Memfd = r.FileLess
			ch.Links = append(ch.Links, link{Path: build.actor, Argv: []string{r.Name}})
		}
	}
	if len(ch.Links) == 0 {
		ch.Links = append(ch.Links, link{Path: s.actor("eg"), Argv: []string{"eg"}})
	}
	ch.Sleep = strings.TrimPrefix(c.Before, "sleep ") + "s"
	for _, x := range c.Steps {
		args, err := numbers(x.Args)
		if err != nil {
			return nil, err
		}
		ch.Steps = append(ch.Steps, step{x.Syscall, args})
	}
	if c.Context.Container != nil {
		st.Container = containerID(s.mark)
		ch.Linger = 50 * time.Millisecond
	}
	text, err := json.Marshal(ch)
	if err != nil {
		return nil, err
	}
	st.Argv = []string{build.actor, "chain"}
	stageText, err := json.Marshal(st)
	if err != nil {
		return nil, err
	}
	s.env = append(s.env, "GYR_MARK="+s.mark, "GYR_CHAIN_BEGIN="+string(text), "GYR_STAGE="+string(stageText))
	return []string{build.actor, "ns"}, nil
}

// numbers replaces the names of flags by their numbers.
func numbers(args map[string]any) (map[string]any, error) {
	out := map[string]any{}
	if how, ok := args["how"].(map[string]any); ok {
		for k, v := range how {
			args[k] = v
		}
	}
	for key, v := range args {
		text, isText := v.(string)
		switch {
		case key == "how":
		case strings.Contains(text, "client.fd"):
			out[key] = "SOCKET"
		case isText && (key == "flags" || key == "domain" || key == "type"):
			n := 0
			for name := range strings.SplitSeq(text, "|") {
				bit, known := flagNumbers[name]
				if !known {
					return nil, fmt.Errorf("unknown flag %q", name)
				}
				n |= bit
			}
			out[key] = n
		default:
			out[key] = v
		}
	}
	return out, nil
}

var flagNumbers = map[string]int{
	"O_RDONLY": unix.O_RDONLY, "O_WRONLY": unix.O_WRONLY, "O_RDWR": unix.O_RDWR, "O_CREAT": unix.O_CREAT, "O_TRUNC": unix.O_TRUNC,
	"AF_PACKET": unix.AF_PACKET, "SOCK_RAW": unix.SOCK_RAW,
}
