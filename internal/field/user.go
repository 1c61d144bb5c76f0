// SPDX-License-Identifier: Apache-2.0

package field

import (
	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/state"
)

// userFields are the fields of the user for whom the thread acts.
var userFields = []Field{
	{Name: "user.uid", Type: event.Uint32, Format: event.FormatID, Uint: userUID,
		Doc: "Number of the user whose rights the thread uses (its effective user)."},
	{Name: "user.name", Type: event.CharBuf, Str: userText("root", func(u state.User) string { return u.Name }),
		Doc: "Name of that user, as the machine or the container knows it; <NA> if it is not known."},
	{Name: "user.homedir", Type: event.CharBuf, Str: userText("/root", func(u state.User) string { return u.Home }),
		Doc: "Home directory of that user; <NA> if it is not known."},
	{Name: "user.shell", Type: event.CharBuf, Str: userShell,
		Doc: "Login shell of that user; <NA> if it is not known."},
	{Name: "user.loginuid", Type: event.Int64, Format: event.FormatID, Int: userLoginUID,
		Doc: "Number of the user who logged in, whatever rights were taken since; -1 if nobody did."},
	{Name: "user.loginname", Type: event.CharBuf, Str: userLoginName,
		Doc: "Name of the user who logged in; <NA> if it is not known."},
}

// groupFields are the fields of the group for which the thread acts.
var groupFields = []Field{
	{Name: "group.gid", Type: event.Uint32, Format: event.FormatID, Uint: groupGID,
		Doc: "Number of the group whose rights the thread uses (its effective group)."},
	{Name: "group.name", Type: event.CharBuf, Str: groupName,
		Doc: "Name of that group, as the machine or the container knows it; <NA> if it is not known."},
}

// userOf looks a user up; ok is false if he is not known.
func userOf(c *Context, uid uint32) (u state.User, ok bool) {
	if c.State == nil {
		return u, false
	}
	return c.State.User(uid, owner(c))
}

// owner is the thread whose container's users are meant, nil for the host's.
func owner(c *Context) *state.Thread {
	if process(c) == nil {
		return nil
	}
	return c.Thread
}

func userUID(c *Context, _ *Arg) (uint64, bool) {
	if c.Thread == nil {
		return 0, false
	}
	return uint64(c.Thread.UID), true
}

// userText makes the getter of a text of the thread's user; root is what it is for number 0 if the
// machine does not tell.
func userText(root string, get func(state.User) string) func(*Context, *Arg) (string, bool) {
	return func(c *Context, _ *Arg) (string, bool) {
		if c.Thread == nil {
			return "", false
		}
		u, ok := userOf(c, c.Thread.UID)
		switch {
		case ok:
			return get(u), true
		case c.Thread.UID == 0:
			return root, true
		}
		return naText, true
	}
}

// userShell is naText for entries without a shell, such as the one that stands for an unlisted root.
func userShell(c *Context, _ *Arg) (string, bool) {
	if c.Thread == nil {
		return "", false
	}
	if u, ok := userOf(c, c.Thread.UID); ok && u.Shell != "" {
		return u.Shell, true
	}
	return naText, true
}

// loginUID is the number of the user who logged in, state.NoID if nobody did.
func loginUID(c *Context) uint32 {
	if p := process(c); p != nil {
		return p.LoginUID
	}
	return state.NoID
}

func userLoginUID(c *Context, _ *Arg) (int64, bool) {
	return int64(int32(loginUID(c))), c.Thread != nil
}

func userLoginName(c *Context, _ *Arg) (string, bool) {
	if c.Thread == nil {
		return "", false
	}
	return userName(c, loginUID(c)), true
}

// userName names a user, naText if he is not known.
func userName(c *Context, uid uint32) string {
	if uid == state.NoID {
		return naText
	}
	if u, ok := userOf(c, uid); ok {
		return u.Name
	}
	if uid == 0 {
		return "root"
	}
	return naText
}

func groupGID(c *Context, _ *Arg) (uint64, bool) {
	if c.Thread == nil {
		return 0, false
	}
	return uint64(c.Thread.GID), true
}

func groupName(c *Context, _ *Arg) (string, bool) {
	if c.Thread == nil {
		return "", false
	}
	return groupNameOf(c, c.Thread.GID), true
}

func groupNameOf(c *Context, gid uint32) string {
	if c.State != nil && gid != state.NoID {
		if g, ok := c.State.Group(gid, owner(c)); ok {
			return g.Name
		}
	}
	if gid == 0 {
		return "root"
	}
	return naText
}

// onHost reports whether the users of the event's thread are the host's, which always has a root.
func onHost(c *Context) bool {
	p := process(c)
	return p == nil || p.Container.ID == ""
}

// appendUser appends what the parameter of a user number means. Unlike user.name it knows no root of
// its own in containers.
func appendUser(dst []byte, c *Context, uid uint32) []byte {
	if uid == state.NoID {
		return append(dst, "<NONE>"...)
	}
	if c.State != nil {
		if u, ok := c.State.ListedUser(uid, owner(c)); ok {
			return append(dst, u.Name...)
		}
	}
	if uid == 0 && onHost(c) {
		return append(dst, "root"...)
	}
	return append(dst, naText...)
}

// appendGroup appends what the parameter of a group number means.
func appendGroup(dst []byte, c *Context, gid uint32) []byte {
	if gid == state.NoID {
		return append(dst, "<NONE>"...)
	}
	if c.State != nil {
		if g, ok := c.State.ListedGroup(gid, owner(c)); ok {
			return append(dst, g.Name...)
		}
	}
	if gid == 0 && onHost(c) {
		return append(dst, "root"...)
	}
	return append(dst, naText...)
}
