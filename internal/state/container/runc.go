// SPDX-License-Identifier: Apache-2.0

package container

import "strings"

// affix is the text before and after an identifier in a cgroup's path.
type affix struct{ prefix, suffix string }

// fullIDLen is the length of the identifiers that runtimes above runc give.
const fullIDLen = 64

var podmanAffixes = []affix{
	{"/libpod-", ".scope"}, {"/libpod-", ".scope/container"}, {"/libpod-", ""},
	{"/libpod-payload-", ".scope"}, {"/libpod-payload-", ".scope/container"}, {"/libpod-payload-", ""},
}

var dockerAffixes = []affix{{"/", ""}, {"/docker-", ".scope"}}

var criAffixes = []affix{
	{"/", ""}, {"/crio-", ""}, {"/cri-containerd-", ".scope"}, {"/crio-", ".scope"},
	{":cri-containerd:", ""}, {"/docker-", ".scope"}, {"/nerdctl-", ".scope"},
}

// The runtimes above runc differ in the affixes of their identifiers.
func podman(path string) string { return runc(path, podmanAffixes) }
func docker(path string) string { return runc(path, dockerAffixes) }
func cri(path string) string    { return runc(path, criAffixes) }

// runc finds an identifier of 64 hexadecimal digits between one of the affixes.
func runc(path string, affixes []affix) string {
	for _, a := range affixes {
		if id := between(path, a); len(id) == fullIDLen && isHex(id) {
			return id
		}
	}
	return ""
}

// between returns what stands after the last prefix and before the last suffix.
func between(path string, a affix) string {
	i := strings.LastIndex(path, a.prefix)
	if i < 0 {
		return ""
	}
	rest := path[i+len(a.prefix):]
	if a.suffix == "" {
		return rest
	}
	end := strings.LastIndex(rest, a.suffix)
	if end < 0 {
		return ""
	}
	return rest[:end]
}

// isHex reports whether s has hexadecimal digits alone.
func isHex(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}
