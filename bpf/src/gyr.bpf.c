/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* All programs, compiled into one object for each architecture and form (see common.h). */
#include "common.h"
#include "path.h"
#include "task.h"
#include "sock.h"
#include "sys.h"
#include "uring.h"
#include "trace.h"
#include "iter.h"

/* The kernel lends most helpers to programs under the GPL alone, hence the second licence above. */
char LICENSE[] SEC("license") = "GPL";
