// SPDX-License-Identifier: Apache-2.0

package diag

import "strings"

// maxWord is the longest word for which a suggestion is sought; longer ones are not typing errors.
const maxWord = 64

// Suggest returns the candidate that word was probably meant to be, "" if none is near enough. Of
// equally near candidates the first one wins.
func Suggest(word string, candidates []string) string {
	if word == "" || len(word) > maxWord {
		return ""
	}
	best, bestDistance := "", 1+max(1, len(word)/3)
	lower := strings.ToLower(word)
	for _, c := range candidates {
		if c == word || len(c) > maxWord {
			continue
		}
		d := distance(lower, strings.ToLower(c), bestDistance)
		if d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// DidYouMean is Suggest as a hint, "" if there is nothing to suggest.
func DidYouMean(word string, candidates []string) string {
	if s := Suggest(word, candidates); s != "" {
		return "did you mean " + s + "?"
	}
	return ""
}

// distance counts the insertions, deletions, replacements and swaps of neighbours that turn a
// into b; it gives up with limit as soon as the result cannot be smaller.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return limit
	}
	var rows [3][maxWord + 1]int
	before, prev, cur := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, before[j-2]+1)
			}
			cur[j] = d
			least = min(least, d)
		}
		if least >= limit {
			return limit
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(b)]
}
