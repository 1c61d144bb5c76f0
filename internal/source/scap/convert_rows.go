// SPDX-License-Identifier: Apache-2.0

package scap

// conversions are the rows of the conversion, by type of the event and number of its parameters (facts
// of the scap format, section 7). The last column says where each parameter of the result comes from:
//
//	o3       parameter 3 of the event; o0..7 are eight of them
//	e1       parameter 1 of the thread's enter event, empty without one
//	d1       the same, but the type's default without one
//	0        the type's default
//	-        empty
//	json     made out of the four parameters of the oldest container event
//
// Rows that extend keep the event's own parameters in front.
var conversions = []conversion{
	{0, 2, keep, 0, ""}, // syscall
	{1, 1, extend, 0, "e1"},
	{2, 0, extend, 0, "- - -"}, // open
	{2, 3, pass, 0, ""},
	{3, 4, extend, 0, "-"},
	{3, 5, extend, 0, "-"},
	{4, 1, keep, 0, ""}, // close
	{5, 1, extend, 0, "d0"},
	{6, 2, keep, 0, ""}, // read
	{7, 2, extend, 0, "d0..1"},
	{8, 2, keep, 0, ""}, // write
	{9, 2, extend, 0, "d0..1"},
	{10, 1, keep, 0, ""}, // brk
	{11, 1, change, 159, "o0 e0 - - -"},
	{12, 0, change, 154, ""}, // execve
	{13, 8, change, 155, "o0..7 - - - - -"},
	{15, 11, change, 157, "o0..7 - - - - - o8..10"}, // clone
	{16, 0, change, 186, "- - - - -"},               // procexit
	{18, 3, keep, 0, ""},                            // socket
	{19, 1, extend, 0, "d0..2"},
	{19, 4, extend, 0, "0"},
	{20, 1, keep, 0, ""}, // bind
	{21, 2, extend, 0, "d0"},
	{22, 1, extend, 0, "0"}, // connect
	{22, 2, keepPass, 0, ""},
	{23, 2, extend, 0, "d0"},
	{23, 3, extend, 0, "d1"},
	{24, 2, keep, 0, ""}, // listen
	{25, 1, extend, 0, "d0..1"},
	{27, 3, change, 247, "o0..2 0 0"}, // accept
	{28, 2, keep, 0, ""},              // send
	{29, 2, extend, 0, "d0..1 0"},
	{30, 3, keep, 0, ""}, // sendto
	{31, 2, extend, 0, "d0..2"},
	{32, 2, keep, 0, ""}, // recv
	{33, 2, extend, 0, "d0..1 0"},
	{34, 2, keep, 0, ""}, // recvfrom
	{35, 3, extend, 0, "d0..1"},
	{36, 2, keep, 0, ""}, // shutdown
	{37, 1, extend, 0, "d0..1"},
	{42, 3, keep, 0, ""}, // socketpair
	{43, 5, extend, 0, "d0..2"},
	{48, 3, keep, 0, ""}, // sendmsg
	{49, 2, extend, 0, "d0..2"},
	{51, 0, extend, 0, "0 - - - -"}, // sendmmsg
	{52, 1, keep, 0, ""},            // recvmsg
	{53, 4, extend, 0, "0"},
	{53, 5, extend, 0, "d0"},
	{55, 0, extend, 0, "0 - - - - -"}, // recvmmsg
	{56, 1, keep, 0, ""},              // accept
	{57, 3, change, 389, "o0..2 0 0 d0"},
	{58, 0, extend, 0, "- -"}, // creat
	{58, 2, pass, 0, ""},
	{59, 3, extend, 0, "-"},
	{59, 4, extend, 0, "-"},
	{59, 5, extend, 0, "-"},
	{62, 2, keep, 0, ""}, // eventfd
	{63, 1, extend, 0, "d0..1"},
	{64, 3, keep, 0, ""}, // futex
	{65, 1, extend, 0, "d0..2"},
	{70, 1, keep, 0, ""}, // fstat
	{71, 1, extend, 0, "d0"},
	{78, 1, keep, 0, ""}, // epoll_wait
	{79, 1, extend, 0, "d0"},
	{80, 2, keep, 0, ""}, // poll
	{81, 2, extend, 0, "d1"},
	{85, 1, change, 83, "o0"}, // select
	{86, 3, keep, 0, ""},      // lseek
	{87, 1, extend, 0, "d0..2"},
	{88, 3, keep, 0, ""}, // llseek
	{89, 1, extend, 0, "d0..2"},
	{90, 2, keep, 0, ""}, // ioctl
	{91, 1, change, 171, "o0 e0..1 -"},
	{96, 1, keep, 0, ""}, // fchdir
	{97, 1, extend, 0, "e0"},
	{98, 2, keep, 0, ""}, // mkdir
	{99, 1, change, 277, "o0 e0..1"},
	{100, 1, keep, 0, ""}, // rmdir
	{101, 1, change, 279, "o0 e0"},
	{102, 4, keep, 0, ""}, // openat
	{103, 1, change, 307, "o0 e0..3 - -"},
	{104, 2, keep, 0, ""}, // link
	{105, 1, change, 309, "o0 e0..1"},
	{106, 4, keep, 0, ""}, // linkat
	{107, 1, change, 311, "o0 e0..3 -"},
	{108, 1, keep, 0, ""}, // unlink
	{109, 1, change, 301, "o0 e0"},
	{110, 2, keep, 0, ""}, // unlinkat
	{111, 1, change, 303, "o0 e0..1 -"},
	{112, 3, keep, 0, ""}, // pread
	{113, 2, extend, 0, "d0..2"},
	{114, 3, keep, 0, ""}, // pwrite
	{115, 2, extend, 0, "d0..2"},
	{116, 1, keep, 0, ""}, // readv
	{117, 3, extend, 0, "d0"},
	{118, 2, keep, 0, ""}, // writev
	{119, 2, extend, 0, "d0..1"},
	{120, 2, keep, 0, ""}, // preadv
	{121, 3, extend, 0, "d0..1"},
	{122, 3, keep, 0, ""}, // pwritev
	{123, 2, extend, 0, "d0..2"},
	{124, 1, keep, 0, ""}, // dup
	{125, 1, change, 367, "o0 e0"},
	{126, 3, keep, 0, ""}, // signalfd
	{127, 1, extend, 0, "d0..2"},
	{128, 2, keep, 0, ""}, // kill
	{129, 1, extend, 0, "d0..1"},
	{130, 2, keep, 0, ""}, // tkill
	{131, 1, extend, 0, "d0..1"},
	{132, 3, keep, 0, ""}, // tgkill
	{133, 1, extend, 0, "d0..2"},
	{134, 1, keep, 0, ""}, // nanosleep
	{135, 1, extend, 0, "d0"},
	{136, 2, keep, 0, ""}, // timerfd_create
	{137, 1, extend, 0, "d0..1"},
	{138, 1, keep, 0, ""}, // inotify_init
	{139, 1, extend, 0, "d0"},
	{140, 1, keep, 0, ""}, // getrlimit
	{141, 3, extend, 0, "d0"},
	{142, 1, keep, 0, ""}, // setrlimit
	{143, 3, extend, 0, "d0"},
	{144, 2, keep, 0, ""}, // prlimit
	{145, 5, extend, 0, "e0..1"},
	{146, 1, change, 152, "o0 - - - - -"}, // switch
	{150, 2, keep, 0, ""},                 // fcntl
	{151, 1, extend, 0, "d0..1"},
	{151, 3, extend, 0, "0"},
	{154, 0, change, 172, ""}, // execve
	{155, 13, change, 173, "o0..12 -"},
	{157, 16, change, 217, "o0..12 - o13..15"}, // clone
	{158, 1, keep, 0, ""},                      // brk
	{159, 4, extend, 0, "e0"},
	{160, 6, keep, 0, ""}, // mmap
	{161, 4, extend, 0, "d0..5"},
	{162, 6, keep, 0, ""}, // mmap2
	{163, 4, extend, 0, "d0..5"},
	{164, 2, keep, 0, ""}, // munmap
	{165, 4, extend, 0, "d0..1"},
	{166, 4, keep, 0, ""}, // splice
	{167, 1, extend, 0, "d0..3"},
	{168, 2, keep, 0, ""}, // ptrace
	{169, 0, extend, 0, "- - -"},
	{169, 3, extend, 0, "e0..1"},
	{170, 3, keep, 0, ""}, // ioctl
	{171, 1, extend, 0, "d0..2"},
	{172, 0, change, 214, ""}, // execve
	{173, 14, change, 215, "o0..12 - o13"},
	{183, 16, change, 219, "o0..12 - o13..15"}, // fork
	{185, 16, change, 221, "o0..12 - o13..15"}, // vfork
	{188, 4, keep, 0, ""},                      // sendfile
	{189, 2, extend, 0, "d0..1 d3"},
	{190, 4, keep, 0, ""}, // quotactl
	{191, 14, extend, 0, "d0..3"},
	{192, 3, keep, 0, ""}, // setresuid
	{193, 1, extend, 0, "e0..2"},
	{194, 3, keep, 0, ""}, // setresgid
	{195, 1, extend, 0, "e0..2"},
	{198, 1, keep, 0, ""}, // setuid
	{199, 1, extend, 0, "e0"},
	{200, 1, keep, 0, ""}, // setgid
	{201, 1, extend, 0, "e0"},
	{214, 0, change, 230, ""}, // execve
	{215, 15, change, 231, "o0..13 - o14"},
	{217, 17, change, 223, "o0..13 - o14..16 - -"}, // clone
	{219, 17, change, 225, "o0..13 - o14..16 - -"}, // fork
	{221, 17, change, 227, "o0..13 - o14..16 - -"}, // vfork
	{223, 20, extend, 0, "-"},                      // clone
	{225, 20, extend, 0, "-"},                      // fork
	{227, 20, extend, 0, "-"},                      // vfork
	{228, 4, change, 272, "json"},                  // container
	{230, 0, change, 282, ""},                      // execve
	{231, 16, change, 283, "o0..15 -"},
	{236, 1, keep, 0, ""}, // getdents
	{237, 1, extend, 0, "d0"},
	{238, 1, keep, 0, ""}, // getdents64
	{239, 1, extend, 0, "d0"},
	{240, 2, keep, 0, ""}, // setns
	{241, 1, extend, 0, "e0..1"},
	{242, 2, keep, 0, ""}, // flock
	{243, 1, extend, 0, "d0..1"},
	{248, 1, keep, 0, ""}, // accept
	{249, 5, change, 389, "o0..4 d0"},
	{250, 1, keep, 0, ""}, // semop
	{251, 8, extend, 0, "d0"},
	{252, 4, keep, 0, ""}, // semctl
	{253, 1, extend, 0, "d0..3"},
	{254, 3, keep, 0, ""}, // ppoll
	{255, 2, extend, 0, "d1..2"},
	{256, 1, keep, 0, ""}, // mount
	{257, 4, extend, 0, "d0"},
	{259, 2, change, 387, "o0..1"}, // umount
	{262, 3, keep, 0, ""},          // semget
	{263, 1, extend, 0, "d0..2"},
	{264, 1, keep, 0, ""}, // access
	{265, 2, extend, 0, "d0"},
	{272, 1, change, 324, "o0"}, // container
	{276, 1, keep, 0, ""},       // mkdir
	{277, 2, extend, 0, "e0"},
	{282, 0, change, 288, "-"}, // execve
	{283, 17, change, 289, "o0..16"},
	{284, 1, keep, 0, ""}, // unshare
	{285, 1, extend, 0, "d0"},
	{288, 1, change, 292, "o0"}, // execve
	{289, 17, change, 293, "o0..16 -"},
	{292, 1, keepPass, 0, ""}, // execve
	{293, 18, extend, 0, "-"},
	{293, 19, extend, 0, "-"},
	{293, 20, extend, 0, "- - -"},
	{293, 23, extend, 0, "- - -"},
	{293, 26, extend, 0, "-"},
	{293, 27, extend, 0, "-"},
	{293, 28, extend, 0, "-"},
	{293, 29, extend, 0, "-"},
	{293, 30, extend, 0, "e0"},
	{294, 2, keep, 0, ""}, // setpgid
	{295, 1, extend, 0, "e0..1"},
	{296, 1, keep, 0, ""}, // bpf
	{297, 1, change, 369, "o0 e0"},
	{298, 1, extend, 0, "0"}, // seccomp
	{298, 2, keep, 0, ""},
	{299, 1, extend, 0, "d0..1"},
	{306, 0, extend, 0, "- - - -"}, // openat
	{306, 4, pass, 0, ""},
	{307, 5, extend, 0, "-"},
	{307, 6, extend, 0, "-"},
	{326, 0, extend, 0, "- - - - -"}, // openat2
	{326, 5, pass, 0, ""},
	{327, 6, extend, 0, "- -"},
	{328, 3, keep, 0, ""}, // mprotect
	{329, 1, extend, 0, "d0..2"},
	{330, 3, pass, 0, ""}, // execveat
	{331, 19, extend, 0, "-"},
	{331, 20, extend, 0, "- - -"},
	{331, 23, extend, 0, "- - -"},
	{331, 26, extend, 0, "-"},
	{331, 27, extend, 0, "-"},
	{331, 28, extend, 0, "-"},
	{331, 29, extend, 0, "-"},
	{332, 3, keep, 0, ""}, // copy_file_range
	{333, 3, extend, 0, "d0..2"},
	{335, 20, extend, 0, "-"}, // clone3
	{374, 1, keep, 0, ""},     // epoll_create
	{375, 1, extend, 0, "d0"},
	{376, 1, keep, 0, ""}, // epoll_create1
	{377, 1, extend, 0, "d0"},
	{388, 1, keep, 0, ""}, // accept4
	{389, 5, extend, 0, "d0"},
	{390, 1, keep, 0, ""}, // umount2
	{391, 2, extend, 0, "d0"},
	{396, 1, keep, 0, ""}, // eventfd2
	{397, 2, extend, 0, "d0"},
	{398, 2, keep, 0, ""}, // signalfd4
	{399, 2, extend, 0, "d0..1"},
}
