// SPDX-License-Identifier: Apache-2.0

package config

import "strings"

// expand replaces ${NAME} by the environment's value (nothing if it is not set) and $${NAME} by the
// text ${NAME}. What a variable holds is expanded in turn, as Falco does, up to a depth that ends
// loops. Inside $${…} only variables are replaced.
func expand(text string, env func(string) string) string {
	return expandDepth(text, env, 8)
}

// expandDepth is expand with a limit to nesting.
func expandDepth(text string, env func(string) string, depth int) string {
	if depth == 0 || !strings.Contains(text, "${") {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); {
		switch {
		case strings.HasPrefix(text[i:], "$${"):
			out.WriteString("${")
			i += 3
			// The literal runs to its brace; a variable inside it is replaced.
			if strings.HasPrefix(text[i:], "${") {
				continue
			}
			end := strings.IndexByte(text[i:], '}')
			if end < 0 {
				end = len(text) - i - 1
			}
			out.WriteString(text[i : i+end+1])
			i += end + 1
		case strings.HasPrefix(text[i:], "${"):
			end := strings.IndexByte(text[i:], '}')
			if end < 0 {
				out.WriteString(text[i:])
				return out.String()
			}
			out.WriteString(expandDepth(env(text[i+2:i+end]), env, depth-1))
			i += end + 1
		default:
			out.WriteByte(text[i])
			i++
		}
	}
	return out.String()
}
