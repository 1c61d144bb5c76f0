// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// EngineVersion is the version of the rules language that is understood here.
const EngineVersion = "0.62.0"

// version is a semantic version; what follows the three numbers does not count.
type version struct{ major, minor, patch uint64 }

// semver is the form of a version.
var semver = regexp.MustCompile(`^([0-9]+)\.([0-9]+)\.([0-9]+)([-+].*)?$`)

// parseVersion reads "x.y.z".
func parseVersion(text string) (version, bool) {
	m := semver.FindStringSubmatch(text)
	if m == nil {
		return version{}, false
	}
	var n [3]uint64
	for i := range n {
		v, err := strconv.ParseUint(m[i+1], 10, 32)
		if err != nil {
			return version{}, false
		}
		n[i] = v
	}
	return version{n[0], n[1], n[2]}, true
}

// String returns "x.y.z".
func (v version) String() string { return fmt.Sprintf("%d.%d.%d", v.major, v.minor, v.patch) }

// compare orders versions.
func (v version) compare(w version) int {
	return cmp.Or(cmp.Compare(v.major, w.major), cmp.Compare(v.minor, w.minor), cmp.Compare(v.patch, w.patch))
}

// satisfies reports whether v can be used where want is required.
func (v version) satisfies(want version) bool { return v.major == want.major && v.compare(want) >= 0 }

// Plugin is a plugin that is loaded, or whose fields are built in.
type Plugin struct {
	Name    string
	Version string
}

// Requirement asks for one of several plugins; the first is the one that the author had in mind.
type Requirement struct {
	Alternatives []Plugin
	place        place
}

// unmet explains why the plugins do not satisfy the requirement, "" if they do. The first
// alternative that is loaded decides.
func (r *Requirement) unmet(plugins []Plugin) string {
	var wanted []string
	for _, want := range r.Alternatives {
		for _, have := range plugins {
			if have.Name != want.Name {
				continue
			}
			v, ok := parseVersion(have.Version)
			if !ok {
				return fmt.Sprintf("Plugin '%s' has invalid version string '%s'", have.Name, have.Version)
			}
			if w, _ := parseVersion(want.Version); !v.satisfies(w) {
				return fmt.Sprintf("Plugin '%s' version '%s' is not compatible with required plugin version '%s'", have.Name, have.Version, want.Version)
			}
			return ""
		}
		wanted = append(wanted, want.Name+" (>= "+want.Version+")")
	}
	return "Plugin requirement not satisfied, must load one of: " + strings.Join(wanted, ", ")
}
