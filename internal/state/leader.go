// SPDX-License-Identifier: Apache-2.0

package state

// SessionLeader returns the process that leads the session of t's process; nil if none is known.
func (s *State) SessionLeader(t *Thread) *Process { return nil }

// GroupLeader returns the process that leads the process group of t's process by the host's
// numbers; nil if none is known.
func (s *State) GroupLeader(t *Thread) *Process { return nil }

// VGroupLeader returns the process that leads the process group of t's process by the numbers of
// its own pid namespace; nil if none is known.
func (s *State) VGroupLeader(t *Thread) *Process { return nil }
