// SPDX-License-Identifier: Apache-2.0

package modernbpf

// oDirect is the kernel's O_DIRECT, which differs between architectures.
const oDirect = 0o40000
