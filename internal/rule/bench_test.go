// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// manyRules makes a file with n rules that share 100 macros and 60 lists, as large files do.
func manyRules(n int) []byte {
	var b strings.Builder
	for i := range 60 {
		fmt.Fprintf(&b, "- list: programs_%d\n  items: [", i)
		for k := range 20 {
			fmt.Fprintf(&b, "program_%d_%d, ", i, k)
		}
		b.WriteString("last]\n")
	}
	b.WriteString("- macro: opens\n  condition: evt.type in (open, openat, openat2) and fd.typechar = 'f' and fd.num >= 0\n")
	for i := range 100 {
		fmt.Fprintf(&b, "- macro: trusted_%d\n  condition: (proc.name in (programs_%d) or proc.pname in (programs_%d) or proc.cmdline startswith \"/opt/%d \")\n", i, i%60, (i+7)%60, i)
	}
	for i := range n {
		fmt.Fprintf(&b, `- rule: Rule number %d
  desc: A program that should not touches file %d
  condition: >
    opens and evt.is_open_write = true and (fd.name startswith /etc/%d or fd.name = /var/lib/file_%d)
    and not trusted_%d and not trusted_%d and not proc.name in (programs_%d, other_%d)
  output: File %d touched | file=%%fd.name process=%%proc.name parent=%%proc.pname command=%%proc.cmdline user=%%user.name
  priority: WARNING
  tags: [host, container, filesystem]
  exceptions:
    - name: known
      fields: [proc.name, fd.name]
      comps: [=, startswith]
      values:
        - [program_%d, /etc/known_%d]
`, i, i, i, i, i%100, (i+31)%100, i%60, i, i, i, i)
	}
	return []byte(b.String())
}

func BenchmarkLoad1000(b *testing.B) {
	content := manyRules(1000)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	load := func() *Set {
		set := Load([]Source{{Name: "many.yaml", Content: content}}, Options{})
		if set.Err() != nil || len(set.Rules) != 1000 {
			b.Fatal(set.Err(), len(set.Rules))
		}
		return set
	}
	for b.Loop() {
		load()
	}
	before := heap()
	set := load()
	b.ReportMetric(float64(heap()-before)/(1<<20), "MiB-kept")
	runtime.KeepAlive(set)
}

// heap is how many bytes live.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkLoadUpstream(b *testing.B) {
	var sources []Source
	for _, name := range []string{"falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"} {
		content, err := os.ReadFile(filepath.Join(corpora(b), "rules/upstream-current", name))
		if err != nil {
			b.Fatal(err)
		}
		sources = append(sources, Source{Name: name, Content: content})
	}
	b.ReportAllocs()
	for b.Loop() {
		if set := Load(sources, Options{}); set.Err() != nil || len(set.Rules) != 93 {
			b.Fatal(set.Err(), len(set.Rules))
		}
	}
}

// BenchmarkLoadFiles loads the same number of rules from many files, after each of which all rules
// so far are resolved.
func BenchmarkLoadFiles(b *testing.B) {
	content := string(manyRules(1000))
	head, rules, _ := strings.Cut(content, "- rule: ")
	sources := []Source{{Name: "head.yaml", Content: []byte(head)}}
	all := strings.SplitAfter("- rule: "+rules, "]\n- rule: ")
	for i := 0; i < len(all); i += 50 {
		text := strings.Join(all[i:min(i+50, len(all))], "")
		if i > 0 {
			text = "- rule: " + text
		}
		sources = append(sources, Source{Name: fmt.Sprint(i), Content: []byte(strings.TrimSuffix(text, "- rule: "))})
	}
	b.ReportAllocs()
	for b.Loop() {
		if set := Load(sources, Options{}); set.Err() != nil || len(set.Rules) != 1000 {
			b.Fatal(set.Err(), len(set.Rules))
		}
	}
}

func BenchmarkLoadLongList(b *testing.B) {
	var text strings.Builder
	text.WriteString("- list: long\n  items:\n")
	for i := range 100_000 {
		fmt.Fprintf(&text, "    - name-%d.example\n", i)
	}
	for i := range 10 {
		fmt.Fprintf(&text, "- rule: r%d\n  condition: evt.type = open and fd.num = %d and proc.name in (long)\n%s", i, i, head)
	}
	content := []byte(text.String())
	b.ReportAllocs()
	for b.Loop() {
		if set := Load([]Source{{Name: "long", Content: content}}, Options{}); set.Err() != nil {
			b.Fatal(set.Err())
		}
	}
}
