// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// func callCode(code, a, b uintptr) (result int32)
TEXT ·callCode(SB), NOSPLIT, $16-28
	MOVQ code+0(FP), AX
	MOVQ a+8(FP), DI
	MOVQ b+16(FP), SI
	CALL AX
	MOVL AX, result+24(FP)
	RET
