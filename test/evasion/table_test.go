// SPDX-License-Identifier: Apache-2.0

package evasion

import "slices"

// verdict says how well a way to hide is seen.
type verdict int

const (
	blind    verdict = iota // nothing tells of it
	seen                    // an event or a field tells, but no default rule looks at it
	detected                // a default rule fires
)

func (v verdict) String() string { return [...]string{"blind", "seen", "detected"}[v] }

// row is one way to hide.
type row struct {
	ID        string // of the list of techniques, with a variant behind a slash
	Technique string // for people
	In        place
	Act       []string           // the evader's act and its arguments; DIR, NOTHING and ACTOR stand for paths
	Do        func(*scene) error // instead of Act
	Alone     bool               // nothing else runs meanwhile: it is about load or about gyr itself

	// Rules are default rules of which one must fire: the row is detected.
	Rules []string
	// Hooked are default rules of which one must fire where programs at the kernel's security checks
	// are allowed; elsewhere the row is what the other members say.
	Hooked []string
	// Witness is a condition that must hold for an event of the row: the truth is in the event. MARK
	// stands for a text that only the row's paths and command lines have; without it, the command
	// line or the path of the process must bear it.
	Witness string
	// Also are default rules that fire besides, because of something the row needs but that its
	// technique does not.
	Also []string
	// Field is where the truth is, for people.
	Field string
	// Note is for people: what the verdict means, and why a blind row is.
	Note string
	// Check is a further question to gyr after the row.
	Check func(*scene) error
}

// expected is the verdict that follows from what the row names, on kernels that allow programs at
// their security checks (hooks) or not.
func (r *row) expected(hooks bool) verdict {
	switch {
	case len(r.Rules) > 0, hooks && len(r.Hooked) > 0:
		return detected
	case r.Witness != "" || r.Check != nil:
		return seen
	}
	return blind
}

// rows holds all families.
var rows = slices.Concat(pathRows, processRows, argumentRows, twinRows, ringRows, raceRows, loadRows)

// needsHooks is the note of rows where only the kernel's security hooks know the truth.
const needsHooks = "needs an LSM or fentry program: not on this kernel"

// Names of default rules.
const (
	readSensitive  = "Read sensitive file untrusted"
	anotherName    = "Sensitive file reached by another name"
	renamedOver    = "Rename over sensitive file"
	hardLinked     = "Create Hardlink Over Sensitive Files"
	bindMounted    = "Bind mount of sensitive files"
	belowEtc       = "Write below etc"
	shellConfig    = "Modify Shell Configuration File"
	authorizedKeys = "Adding ssh keys to authorized_keys"
	miner          = "Known Cryptominer Process Executed"
	fileless       = "Fileless execution via memfd_create"
	netcat         = "Netcat/Socat Remote Code Execution on Host"
	setuidBit      = "Set Setuid or Setgid bit"
	agentKilled    = "Signal sent to security agent"
	shellOnNet     = "Shell Standard Streams on Network Connection"
	redirected     = "Redirect STDOUT/STDIN to Network Connection in Container"
	ringSetUp      = "io_uring set up by unexpected program"
	helperChanged  = "Kernel helper program changed"
)
