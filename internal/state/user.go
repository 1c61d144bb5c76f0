// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

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

// userTable are the users and groups of the host, or of one container.
type userTable struct {
	users  map[uint32]User
	groups map[uint32]Group

	id         string // of the container, "" for the host
	root       string // directory below which the files lie, "" if there are none
	passwdTime int64
	groupTime  int64
	checked    uint64 // when the files were last looked at
}

// userTables are the tables of the host, which has the empty name, and of the containers.
type userTables struct {
	host *userTable
	by   map[string]*userTable
}

const (
	userCheck     = 5e9 // ns between two looks at the files' times
	maxUserTables = 4096
	maxUserFile   = 16 << 20
)

// newUserTables returns the host's table, not read yet.
func newUserTables(hostRoot string) userTables {
	return userTables{host: newUserTable(hostRoot), by: map[string]*userTable{}}
}

// newUserTable returns an empty table whose files lie below root.
func newUserTable(root string) *userTable {
	return &userTable{users: map[uint32]User{}, groups: map[uint32]Group{}, root: root}
}

// User returns the user with that number, as the machine or container knows him in which t runs; t
// is nil for the host. Root need not be listed to be known.
func (s *State) User(uid uint32, t *Thread) (User, bool) {
	u, ok := s.ListedUser(uid, t)
	if !ok && uid == 0 {
		return User{Name: "root", Home: "/root"}, true
	}
	return u, ok
}

// ListedUser is User without the root that is known to everybody.
func (s *State) ListedUser(uid uint32, t *Thread) (User, bool) {
	if uid == NoID {
		return User{}, false
	}
	table := s.userTable(t)
	s.refresh(table)
	u, ok := table.users[uid]
	return u, ok
}

// Group returns the group with that number, as User does.
func (s *State) Group(gid uint32, t *Thread) (Group, bool) {
	g, ok := s.ListedGroup(gid, t)
	if !ok && gid == 0 {
		return Group{Name: "root"}, true
	}
	return g, ok
}

// ListedGroup is Group without the root that is known to everybody.
func (s *State) ListedGroup(gid uint32, t *Thread) (Group, bool) {
	if gid == NoID {
		return Group{}, false
	}
	table := s.userTable(t)
	s.refresh(table)
	g, ok := table.groups[gid]
	return g, ok
}

// userTable returns the table for t's container.
func (s *State) userTable(t *Thread) *userTable {
	if t == nil || t.Proc.Container.ID == "" {
		return s.users.host
	}
	p := t.Proc
	if p.userNS != nil {
		return p.userNS
	}
	p.userNS = s.containerUsers(p.Container.ID, p)
	return p.userNS
}

// containerUsers returns the table of a container. Its files are those that p sees; p is nil for
// events that bring the users themselves.
func (s *State) containerUsers(id string, p *Process) *userTable {
	t := s.users.by[id]
	if t != nil && (p == nil || t.root == "" && !s.opt.ProcLookup || t.root != "" && exists(t.root)) {
		return t
	}
	root := s.containerRoot(p)
	if t != nil && root == "" {
		return t // what was read once is better than nothing
	}
	if len(s.users.by) >= maxUserTables {
		clear(s.users.by)
	}
	t = newUserTable(root)
	t.id = id
	s.users.by[id] = t
	return t
}

// containerRoot is the root directory of a container as p sees it or, if p has ended meanwhile, as
// the nearest of its ancestors in the container does; "" if none of them lives.
func (s *State) containerRoot(p *Process) string {
	if !s.opt.ProcLookup {
		return ""
	}
	for q := p; q != nil && q.Container.ID == p.Container.ID; q = q.Lineage {
		if root := s.proc.file(q.PID, "root"); q.PID > 0 && exists(root) {
			return root
		}
	}
	return ""
}

// exists reports whether there is such a file.
func exists(name string) bool { return unix.Access(name, unix.F_OK) == nil }

// refresh reads the files of a table again if they have changed.
func (s *State) refresh(t *userTable) {
	if t.root == "" || t.checked != 0 && s.ts < t.checked+userCheck {
		return
	}
	t.checked = max(s.ts, 1)
	passwd, ok := s.changedFile(t.root, "etc/passwd", &t.passwdTime)
	if ok {
		clear(t.users)
		parseUsers(t.users, passwd)
	}
	group, changed := s.changedFile(t.root, "etc/group", &t.groupTime)
	if changed {
		clear(t.groups)
		parseGroups(t.groups, group)
	}
	if s.learner != nil && (ok || changed) {
		users, groups := t.lists()
		s.learner.Users(t.id, users, groups)
	}
}

// changedFile returns the content of a file that is another than at the time in at. The name is
// resolved within root, whose links the container's users can set.
func (s *State) changedFile(root, name string, at *int64) ([]byte, bool) {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, false
	}
	defer unix.Close(dir)
	fd, err := unix.Openat2(dir, name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_NONBLOCK | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return nil, false
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.ModTime().UnixNano() == *at || !info.Mode().IsRegular() || info.Size() > maxUserFile {
		return nil, false
	}
	b, err := io.ReadAll(io.LimitReader(f, maxUserFile))
	if err != nil {
		s.opt.Logger.Warn("cannot read user file", "root", root, "file", name, "error", err)
		return nil, false
	}
	*at = info.ModTime().UnixNano()
	s.stats.UserLoads++
	return b, true
}

// eachEntry calls f with the fields of each line that has at least n, but for those that name
// another source of entries.
func eachEntry(b []byte, n int, f func(fields [][]byte)) {
	for len(b) > 0 {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte{'\n'})
		if len(line) == 0 || line[0] == '#' || line[0] == '+' || line[0] == '-' {
			continue
		}
		if fields := bytes.Split(line, []byte{':'}); len(fields) >= n {
			f(fields)
		}
	}
}

// parseUsers reads a passwd file. The first entry of a number counts.
func parseUsers(m map[uint32]User, b []byte) {
	eachEntry(b, 7, func(f [][]byte) {
		uid, err := strconv.ParseUint(string(f[2]), 10, 32)
		if err != nil {
			return
		}
		gid, _ := strconv.ParseUint(string(f[3]), 10, 32)
		if _, taken := m[uint32(uid)]; taken {
			return
		}
		m[uint32(uid)] = User{uint32(uid), uint32(gid), string(f[0]), string(f[5]), string(f[6])}
	})
}

// parseGroups reads a group file. The first entry of a number counts.
func parseGroups(m map[uint32]Group, b []byte) {
	eachEntry(b, 3, func(f [][]byte) {
		gid, err := strconv.ParseUint(string(f[2]), 10, 32)
		if err != nil {
			return
		}
		if _, taken := m[uint32(gid)]; !taken {
			m[uint32(gid)] = Group{uint32(gid), string(f[0])}
		}
	})
}

var (
	userUID       = index(event.UserAdded, "uid")
	userGID       = index(event.UserAdded, "gid")
	userName      = index(event.UserAdded, "name")
	userHome      = index(event.UserAdded, "home")
	userShell     = index(event.UserAdded, "shell")
	userContainer = index(event.UserAdded, "container_id")

	groupGID       = index(event.GroupAdded, "gid")
	groupName      = index(event.GroupAdded, "name")
	groupContainer = index(event.GroupAdded, "container_id")
)

// eventUsers returns the table that an event about a user or group speaks of.
func (s *State) eventUsers(ev *event.Event, at int) *userTable {
	id, _ := ev.Text(at)
	if id == "" {
		s.refresh(s.users.host)
		return s.users.host
	}
	return s.containerUsers(s.names.text(id), nil)
}

// onUserAdded enters a user.
func (s *State) onUserAdded(ev *event.Event, _ *Thread) {
	uid := uint32(uintOf(ev, userUID, uint64(NoID)))
	s.eventUsers(ev, userContainer).users[uid] = User{
		UID: uid, GID: uint32(uintOf(ev, userGID, 0)), Name: s.param(ev, userName, ""),
		Home: s.param(ev, userHome, ""), Shell: s.param(ev, userShell, ""),
	}
}

// onUserDeleted removes a user.
func (s *State) onUserDeleted(ev *event.Event, _ *Thread) {
	delete(s.eventUsers(ev, userContainer).users, uint32(uintOf(ev, userUID, uint64(NoID))))
}

// onGroupAdded enters a group.
func (s *State) onGroupAdded(ev *event.Event, _ *Thread) {
	gid := uint32(uintOf(ev, groupGID, uint64(NoID)))
	s.eventUsers(ev, groupContainer).groups[gid] = Group{gid, s.param(ev, groupName, "")}
}

// onGroupDeleted removes a group.
func (s *State) onGroupDeleted(ev *event.Event, _ *Thread) {
	delete(s.eventUsers(ev, groupContainer).groups, uint32(uintOf(ev, groupGID, uint64(NoID))))
}

// SetUsers replaces the users and groups of the host by those of a capture, whose machine is
// another one: the files of this one are not read any more.
func (s *State) SetUsers(users []User, groups []Group) {
	t := newUserTable("")
	for _, u := range users {
		t.users[u.UID] = u
	}
	for _, g := range groups {
		t.groups[g.GID] = g
	}
	s.users.host = t
}
