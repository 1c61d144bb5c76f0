// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Trying only the lists whose names are words of the text gives what trying all of them gives.
func TestExpandTriesTheRightLists(t *testing.T) {
	words := []string{"a", "b", "ab", "a b", "x,y", "in", "(", ")", ",", "=", " ", "\n", `"`, "'", "c", "empty", "no_list", "a=", "é"}
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteString(words[random.IntN(len(words))])
			if random.IntN(3) > 0 {
				b.WriteByte(' ')
			}
		}
		return b.String()
	}
	for range 20_000 {
		p := &pass{order: map[string]int{}}
		for i, name := range []string{"ab", "a", "empty", "a b", "x,y", "b", "c", "é", "a=", ""} {
			l := &compiledList{list: &list{name: name}}
			if name != "empty" {
				l.text, l.compiled = pick(2), []string{"x"}
			}
			p.lists = append(p.lists, l)
			if strings.ContainsAny(name, delimiters) {
				p.odd = append(p.odd, i)
			} else {
				p.order[name] = i
			}
		}
		text := pick(6)
		got, found := p.expand(text, false)
		want := newExpansion(text, false)
		var all []string
		for _, l := range p.lists {
			if want.replace(l.name, l.text, len(l.compiled) == 0) {
				all = append(all, l.name)
			}
		}
		if got.text != want.text || !slices.Equal(found, all) {
			t.Fatalf("%q became %q (%q), not %q (%q)", text, got.text, found, want.text, all)
		}
	}
}
