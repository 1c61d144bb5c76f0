// SPDX-License-Identifier: Apache-2.0

package ruletest

import (
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
	"github.com/gyrfalcon/gyrfalcon/internal/state/container"
)

// nowhere is a directory that does not exist: the machine of a test has no files.
const nowhere = "/nonexistent"

// begin returns a state in which the case's processes run.
func (p *plan) begin() *state.State {
	s := state.New(state.Options{HostRoot: nowhere, Now: func() uint64 { return startOfCases }})
	var users []state.User
	var groups []state.Group
	for _, name := range sortedKeys(p.machine.users) {
		id := p.machine.users[name]
		users = append(users, state.User{UID: id, GID: id, Name: name, Home: home(name), Shell: "/bin/sh"})
	}
	all := p.machine.allGroups()
	for _, name := range sortedKeys(all) {
		groups = append(groups, state.Group{GID: all[name], Name: name})
	}
	s.SetUsers(users, groups)
	matcher := container.NewMatcher()
	for _, name := range sortedKeys(p.machine.containers) {
		c := p.machine.containers[name]
		ref, ok := matcher.Match(c.cgroup)
		if ok && c.meta != nil {
			c.meta.FullID = ref.FullID
			s.SetMetadata(ref.ID, c.meta)
		}
		for _, user := range sortedKeys(c.users) {
			if ok {
				addUser(s, ref.ID, user, c.users[user])
			}
		}
	}
	for _, x := range p.entries {
		t := s.Enter(x.entry)
		for _, f := range x.fds {
			s.EnterFD(t.Proc, f)
		}
	}
	return s
}

// home is the home directory of a user.
func home(name string) string {
	if name == "root" {
		return "/root"
	}
	return "/home/" + name
}

// addUser makes a user known in a container.
func addUser(s *state.State, id, name string, uid uint32) {
	info := event.Lookup(event.UserAdded)
	rec := event.AppendRecord(nil, startOfCases, -1, event.UserAdded, fill(info, map[string][]byte{
		"uid": number(uint64(uid), 4), "gid": number(uint64(uid), 4), "name": cstring(name), "home": cstring(home(name)),
		"shell": cstring("/bin/sh"), "container_id": cstring(id),
	})...)
	var ev event.Event
	if ev.Decode(rec) == nil {
		s.Apply(&ev)
		s.After(&ev)
	}
}
