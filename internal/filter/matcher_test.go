// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/filter/syntax"
)

// randomTexts returns n random texts over a small alphabet, so that they have much in common.
func randomTexts(r *rand.Rand, n, length int) []string {
	out := make([]string, n)
	for i := range out {
		b := make([]byte, r.IntN(length))
		for j := range b {
			b[j] = "abAB/c"[r.IntN(6)]
		}
		out[i] = string(b)
	}
	return out
}

func TestMatchersAgreeWithOneByOne(t *testing.T) {
	naive := map[textKind]func(s, v string) bool{
		textEqual:     func(s, v string) bool { return s == v },
		textPrefix:    strings.HasPrefix,
		textSuffix:    strings.HasSuffix,
		textContains:  strings.Contains,
		textIContains: func(s, v string) bool { return strings.Contains(strings.ToLower(s), strings.ToLower(v)) },
		textPath:      isBelow,
	}
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 400 {
		values := randomTexts(r, 1+r.IntN(1+round/4), 8)
		subjects := append(randomTexts(r, 50, 16), values...)
		for kind, one := range naive {
			m := newMatcher(&textTest{kind, values})
			for _, s := range subjects {
				want := slices.ContainsFunc(values, func(v string) bool { return one(s, v) })
				if m(s) != want {
					t.Fatalf("kind %d: %q among %q: %v", kind, s, values, !want)
				}
			}
		}
	}
}

// isBelow reports whether the components of v begin those of s.
func isBelow(s, v string) bool {
	split := func(p string) []string { return strings.FieldsFunc(p, func(r rune) bool { return r == '/' }) }
	a, b := split(s), split(v)
	return len(b) <= len(a) && slices.Equal(a[:len(b)], b)
}

func TestStringSetOfEveryLength(t *testing.T) {
	var values []string
	for n := range 200 {
		values = append(values, strings.Repeat("x", n))
	}
	set := newStringSet(values)
	for _, v := range values {
		if !set.has(v) || set.has(v+"y") || set.has("y"+v) {
			t.Errorf("text of %d bytes", len(v))
		}
	}
}

func TestAutomatonWithAllBytes(t *testing.T) {
	var patterns []string
	for b := range 256 {
		patterns = append(patterns, string([]byte{byte(b), byte(b), byte(b)}))
	}
	for _, fold := range []bool{false, true} {
		a := newAutomaton(patterns, fold)
		if !a.has("\x00\x00\x00") || !a.has("x\xff\xff\xff") || a.has("abcabc") || a.has("aAa") != fold {
			t.Errorf("fold %v", fold)
		}
	}
}

func TestSparseAutomaton(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var patterns []string
	for range 60000 {
		b := make([]byte, 6+r.IntN(6))
		for i := range b {
			b[i] = byte(32 + r.IntN(90))
		}
		patterns = append(patterns, string(b))
	}
	a := newAutomaton(patterns, false)
	if a.sparse == nil {
		t.Fatal("the automaton is dense")
	}
	for i := 0; i < len(patterns); i += 997 {
		if !a.has("xx"+patterns[i]+"yy") || a.has(patterns[i][1:5]) {
			t.Errorf("pattern %q", patterns[i])
		}
	}
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "/a/.b", true},
		{"a*b*c", "aXbYc", true},
		{"a*b*c", "aXbY", false},
		{"?", "", false},
		{"a?c", "a/c", true},
		{"[abc]x", "bx", true},
		{"[!abc]x", "bx", false},
		{"[^abc]x", "dx", true},
		{"[a-c]x", "bx", true},
		{"[a-c]x", "dx", false},
		{"[]a]", "]", true},
		{"[]-]", "-", true},
		{"[a-]", "-", true},
		{"[[:digit:]][[:alpha:]]", "7z", true},
		{"[![:space:]]", " ", false},
		{"[", "[", true},
		{"[a", "[a", true},
		{"[a", "a", false},
		{`\*`, "*", true},
		{`\*`, "x", false},
		{`[\]]`, "]", true},
		{`a\`, "a", false},
		{"**a**", "xxaxx", true},
		{"*.conf", ".conf", true},
		{"/etc/*/x", "/etc/a/b/x", true},
		{strings.Repeat("*a", 30) + "b", strings.Repeat("a", 200), false},
	} {
		if got := glob(c.pattern, c.s, false); got != c.want {
			t.Errorf("glob(%q, %q) = %v", c.pattern, c.s, got)
		}
	}
	for pattern, s := range map[string]string{"A*c": "aBC", "[A-C]?": "bX", "[a-c]": "B", "[[:upper:]]": "x"} {
		if glob(pattern, s, false) || !glob(pattern, s, true) {
			t.Errorf("iglob(%q, %q)", pattern, s)
		}
	}
}

func TestSimpleGlobAgreesWithGlob(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 3000 {
		b := make([]byte, r.IntN(5))
		for i := range b {
			b[i] = "ab*"[r.IntN(3)]
		}
		pattern := string(b)
		m := newMatcher(&textTest{textGlob, []string{pattern}})
		if kind, text, ok := simpleGlob(pattern); ok {
			m = newMatcher(&textTest{kind, []string{text}})
		}
		for _, s := range randomTexts(r, 30, 5) {
			want, err := path.Match(pattern, strings.ReplaceAll(s, "/", "_"))
			if err != nil {
				t.Fatal(err)
			}
			if m(s) != want || glob(pattern, s, false) != want {
				t.Errorf("glob(%q, %q) is not %v", pattern, s, want)
			}
		}
	}
}

func TestRegex(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"a|ab", "ab", true},
		{"b", "abc", false},
		{"^a.*c$", "abc", true},
		{".*", "a\nb", false},
		{"[^x]*", "a\nb", true},
		{"a{2}", "aa", true},
		{"[[:alpha:]]+", "abc", true},
		{"", "", true},
		{".", "\xff", true},
		{"/home/.*", "/home/a", true},
		{"/home/.*", "/etc/home/a", false},
		{"^/home/a$", "/home/a", true},
		{"(ab|ac)d", "acd", true},
		{"abc?", "ab", true},
	} {
		re, err := compileRegex(c.pattern)
		if err != nil {
			t.Errorf("%q: %v", c.pattern, err)
			continue
		}
		if got := re.MatchString(c.s); got != c.want {
			t.Errorf("%q on %q: %v", c.pattern, c.s, got)
		}
		if got := regexMatcher([]string{"x+", c.pattern})(c.s); got != c.want {
			t.Errorf("%q on %q behind its prefix: %v", c.pattern, c.s, got)
		}
	}
	for _, pattern := range []string{`\d`, "(?:a)", "a**", "(", "a{1001}"} {
		if _, err := compileRegex(pattern); err == nil && pattern != "a**" {
			t.Errorf("%q compiles", pattern)
		}
	}
}

func TestNetSet(t *testing.T) {
	var nets []string
	for i := range 40 {
		nets = append(nets, fmt.Sprintf("10.%d.0.0/%d", i, 16+i%9), fmt.Sprintf("2001:db8:%x::/%d", i, 48+i))
	}
	c := &comparison{op: "in", values: nets}
	b := &builder{Compiler: NewCompiler(fakeCatalogue(&facts{}))}
	c.at = make([]syntax.Pos, len(nets))
	prefixes, err := parsed(b, c, parseNet)
	if err != nil {
		t.Fatal(err)
	}
	set := newNetSet(prefixes)
	for text, want := range map[string]bool{
		"10.3.0.1": true, "10.39.0.9": true, "11.0.0.1": false, "2001:db8:5::1": true, "2001:db8:ff::1": false, "10.8.255.1": false,
	} {
		ip, err := parseIP(text)
		if err != nil {
			t.Fatal(err)
		}
		slow := slices.ContainsFunc(prefixes, func(n netip.Prefix) bool { return n.Contains(ip) })
		if got := set.has(ip); got != slow || got != want {
			t.Errorf("%s: %v, one by one %v", text, got, slow)
		}
	}
}
