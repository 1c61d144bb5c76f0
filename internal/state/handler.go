// SPDX-License-Identifier: Apache-2.0

package state

import "github.com/gyrfalcon/gyrfalcon/internal/event"

// handlers holds what each event does to the state; nil for those that change nothing. Events of a
// descriptor find it by fdParams before their handler runs.
var handlers [event.NumTypes]handler

// init fills the table, so that only the rows of events that change something are written down.
func init() {
	for t, h := range map[event.Type]handler{
		event.OpenEnter: (*State).onEnter, event.OpenAtEnter: (*State).onEnter,
		event.OpenAt2Enter: (*State).onEnter, event.CreatEnter: (*State).onEnter,
		event.ConnectEnter: (*State).onEnter, execveEnter: (*State).onEnter, execveatEnter: (*State).onEnter,

		event.Clone: (*State).onClone, event.Clone3: (*State).onClone,
		event.Fork: (*State).onClone, event.VFork: (*State).onClone,
		event.Execve: (*State).onExec, event.Execveat: (*State).onExec,
		event.ProcExit: (*State).onExit,

		event.Open: (*State).onOpen, event.OpenAt: (*State).onOpenAt, event.OpenAt2: (*State).onOpenAt2,
		event.Creat: (*State).onCreat, event.OpenByHandleAt: (*State).onOpenByHandle,
		event.Close: (*State).onClose, event.CloseRange: (*State).onCloseRange,
		event.Dup: (*State).onDup, event.Dup2: (*State).onDup, event.Dup3: (*State).onDup3,
		event.Fcntl: (*State).onFcntl,

		event.Socket: (*State).onSocket, event.SocketPair: (*State).onSocketPair,
		event.Bind: (*State).onBind, event.Connect: (*State).onConnect,
		event.Accept: (*State).onAccept, event.Accept4: (*State).onAccept4,
		event.Send: (*State).onTransfer, event.SendTo: (*State).onTransfer,
		event.SendMsg: (*State).onTransfer, event.SendMMsg: (*State).onTransfer,
		event.Recv: (*State).onTransfer, event.RecvFrom: (*State).onTransfer,
		event.RecvMsg: (*State).onRecvMsg, event.RecvMMsg: (*State).onRecvMMsg,

		event.Pipe: (*State).onPipe, event.Pipe2: (*State).onPipe,
		event.EventFD: (*State).onEventFD, event.EventFD2: (*State).onEventFD2,
		event.SignalFD: (*State).onSignalFD, event.SignalFD4: (*State).onSignalFD4,
		event.TimerFDCreate: (*State).onTimerFD,
		event.InotifyInit:   (*State).onInotify, event.InotifyInit1: (*State).onInotify1,
		event.EpollCreate: (*State).onEpoll, event.EpollCreate1: (*State).onEpoll1,
		event.UserFaultFD: (*State).onUserFaultFD, event.IOUringSetup: (*State).onIOUring,
		event.MemFDCreate: (*State).onMemFD, event.BPF: (*State).onBPF,
		event.PidFDOpen: (*State).onPidFDOpen, event.PidFDGetFD: (*State).onPidFDGetFD,

		event.FSOpen: (*State).onFSOpen, event.FSPick: (*State).onFSPick, event.FSMount: (*State).onFSMount,
		event.OpenTree: (*State).onOpenTree, event.OpenTreeAttr: (*State).onOpenTree,
		event.MemFDSecret: (*State).onMemFDSecret, event.LandlockCreate: (*State).onLandlock,
		event.FanotifyInit: (*State).onFanotify, event.PerfEventOpen: (*State).onPerfEvent,

		event.Chdir: (*State).onChdir, event.Fchdir: (*State).onFchdir,
		event.GetCwd: (*State).onGetCwd, event.Chroot: (*State).onChroot,
		event.SetUID: (*State).onSetUID, event.SetREUID: (*State).onSetUID, event.SetResUID: (*State).onSetUID,
		event.SetGID: (*State).onSetGID, event.SetREGID: (*State).onSetGID, event.SetResGID: (*State).onSetGID,
		event.Capset: (*State).onCapset, event.Unshare: (*State).onUnshare, event.SetNS: (*State).onSetNS,
		event.SetSID: (*State).onSetSID, event.Prctl: (*State).onPrctl,
		event.GetRLimit: (*State).onRLimit, event.SetRLimit: (*State).onRLimit, event.PRLimit: (*State).onPRLimit,
		brk: (*State).onMemory, mmap: (*State).onMemory, mmap2: (*State).onMemory, munmap: (*State).onMemory,
		event.Switch: (*State).onSwitch,

		event.Container: (*State).onContainer, event.AsyncEvent: (*State).onAsync,
		event.UserAdded: (*State).onUserAdded, event.UserDeleted: (*State).onUserDeleted,
		event.GroupAdded: (*State).onGroupAdded, event.GroupDeleted: (*State).onGroupDeleted,

		event.IterTask: (*State).onIterTask, event.IterPipe: (*State).onIterPlain,
		event.IterMemFD: (*State).onIterPlain, event.IterDirectory: (*State).onIterPlain,
		event.IterRegular: (*State).onIterRegular, event.IterInet: (*State).onIterInet,
		event.IterInet6: (*State).onIterInet, event.IterUnix: (*State).onIterUnix,
		event.IterNetlink: (*State).onIterNetlink, event.IterAnonInode: (*State).onIterAnon,
	} {
		handlers[t] = h
	}
	makeLeaves()
}
