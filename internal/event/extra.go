// SPDX-License-Identifier: Apache-2.0

package event

// Parameters of ours that several events carry behind all others, in this order: what the kernel worked
// on, then the way in which the call came. A record may end before them.
//
//	real_path    the object as the kernel resolved it: what was renamed, linked, removed, changed, mounted
//	             on. Empty if the call failed, and where the kernel
//	             allows no program that could know (docs/kernels.md).
//	real_target  of calls with two paths: the new name; of a mount: what was mounted
//	real_dev, real_ino  device and inode of the object, if real_path is there
//	real_nlink   how many names it had before the call
//	io_uring     not zero if the call was made through an io_uring: IOUringFlags
const (
	// ParamRealPath and its neighbours are the names of these parameters.
	ParamRealPath   = "real_path"
	ParamRealTarget = "real_target"
	ParamIOUring    = "io_uring"
)

// The values of the parameter io_uring.
const (
	// ViaIOUring is set in all events of calls made through an io_uring.
	ViaIOUring = 1
	// ViaDirect says that descriptors of the event are places in the ring's table of files, not in the
	// process's: DirectFD and the place.
	ViaDirect = 2
	// ViaUnknown says that the result is not known: the ring was told not to report it.
	ViaUnknown = 4
	// ViaPoll says that a thread of the kernel took the call from the ring (IORING_SETUP_SQPOLL).
	ViaPoll = 8
	// DirectFD is added to the number of a place in a ring's table of files. The kernel's limit of
	// descriptors is never that high.
	DirectFD = 1 << 30
)

// IOUringFlags names the values of the parameter io_uring.
var IOUringFlags = FlagTable{Name: "io_uring_call_flags", Flags: []Flag{
	{"IO_URING", ViaIOUring}, {"DIRECT", ViaDirect}, {"RESULT_UNKNOWN", ViaUnknown}, {"SQPOLL", ViaPoll},
}}

// resolved lists the events of calls on paths whose object the kernel can tell; true if they have a
// second path.
var resolved = map[Type]bool{
	Rename: true, RenameAt: true, RenameAt2: true, Link: true, LinkAt: true, Symlink: true, SymlinkAt: true,
	Unlink: false, UnlinkAt: false, Rmdir: false, Mkdir: false, MkdirAt: false, mknod: false, mknodAt: false,
	Chmod: false, FchmodAt: false, FchmodAt2: false, Chown: false, LChown: false, FChownAt: false,
	Truncate: false, Mount: true, Umount: false, Umount2: false, MoveMount: true, Chroot: false, PivotRoot: true,
}

// viaRing lists the events of calls that can be made through an io_uring.
var viaRing = []Type{
	Open, OpenAt, OpenAt2, Close, Read, Write, pread, pwrite, preadv, pwritev, SendTo, SendMsg, RecvFrom, RecvMsg,
	Connect, Accept4, Socket, Bind, Listen, Shutdown, RenameAt2, UnlinkAt, MkdirAt, SymlinkAt, LinkAt, StatX, splice, Tee,
	FAllocate, FTruncate, SetXAttr, FSetXAttr, Pipe2, Dup, ioctl,
}

// Codes that only this package needs by name.
const (
	pread   Type = 113
	pwrite  Type = 115
	preadv  Type = 121
	pwritev Type = 123
	splice  Type = 167
	ioctl   Type = 171
	mknod   Type = 415
	mknodAt Type = 417
)

// mountData is what mount tells the file system: the options of an overlay name its layers. Up to 4095 bytes, none for
// file systems that take no text.
var mountData = Param{Name: "data", Type: CharBuf}

// appendExtra adds the parameters to the table.
func appendExtra(t *[NumTypes]Info) {
	t[Mount].Params = append(append([]Param(nil), t[Mount].Params...), mountData)
	for code, two := range resolved {
		params := append([]Param(nil), t[code].Params...)
		params = append(params, Param{Name: ParamRealPath, Type: FSPath})
		if two {
			params = append(params, Param{Name: ParamRealTarget, Type: FSPath})
		}
		t[code].Params = append(params, Param{Name: "real_dev", Type: Uint32, Format: FormatHex},
			Param{Name: "real_ino", Type: Uint64, Format: FormatDec}, Param{Name: "real_nlink", Type: Uint32, Format: FormatDec})
	}
	for _, code := range viaRing {
		params := append([]Param(nil), t[code].Params...)
		t[code].Params = append(params, Param{Name: ParamIOUring, Type: Flags8, Format: FormatHex, Flags: &IOUringFlags})
	}
}
