// SPDX-License-Identifier: Apache-2.0

package modernbpf

// numbers32 is empty: 32-bit programs of arm64 are not read yet.
var numbers32 = map[uint32]uint16{}
