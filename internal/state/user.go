// SPDX-License-Identifier: Apache-2.0

package state

// User is one entry of a user table.
type User struct {
	UID, GID          uint32
	Name, Home, Shell string
}

// Group is one entry of a group table.
type Group struct {
	GID  uint32
	Name string
}

// User returns the user with that number, as the machine or container knows him in which t runs; t
// is nil for the host.
func (s *State) User(uid uint32, t *Thread) (User, bool) { return User{}, false }

// Group returns the group with that number, as User does.
func (s *State) Group(gid uint32, t *Thread) (Group, bool) { return Group{}, false }
