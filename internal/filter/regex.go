// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

// compileRegex compiles a pattern in the POSIX syntax of RE2, to match whole texts.
func compileRegex(pattern string) (*regexp.Regexp, error) {
	// ClassNL is what RE2 always has: a negated class matches a line feed.
	re, err := syntax.Parse(pattern, syntax.POSIX|syntax.ClassNL)
	if err != nil {
		return nil, err
	}
	return regexp.Compile(`\A(?:` + re.String() + `)\z`)
}

// regexTest is a pattern with the text that all it matches begin with, which is checked first.
type regexTest struct {
	prefix string
	whole  *regexp.Regexp
}

// newRegexTest compiles a pattern that has been checked.
func newRegexTest(pattern string) (regexTest, error) {
	whole, err := compileRegex(pattern)
	if err != nil {
		return regexTest{}, err
	}
	re, err := regexp.CompilePOSIX(pattern)
	if err != nil {
		return regexTest{}, err
	}
	prefix, _ := re.LiteralPrefix()
	return regexTest{prefix, whole}, nil
}

// has reports whether the pattern matches all of s.
func (t *regexTest) has(s string) bool {
	return strings.HasPrefix(s, t.prefix) && t.whole.MatchString(s)
}

// plainRegex reports whether a pattern could be written with simpler operators: apart from anchors
// and ".*" and the like at its ends it has no special characters.
func plainRegex(v string) bool {
	const special, repeat = `.+*?^$()[]{}|\`, "+*?"
	for i := 0; i < len(v); i++ {
		if i == 0 && v[i] == '^' || i == len(v)-1 && v[i] == '$' {
			continue
		}
		if (i == 0 && len(v) > 1 || i == len(v)-2) && v[i] == '.' && strings.IndexByte(repeat, v[i+1]) >= 0 {
			i++
			continue
		}
		if strings.IndexByte(special, v[i]) >= 0 {
			return false
		}
	}
	return true
}
