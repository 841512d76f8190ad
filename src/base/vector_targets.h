#pragma once

// What Highway compiles loops for; to be included before its headers. All files leave out the same, so that a target
// which a test forces on one is there for all.
//
// AVX3_DL adds nothing that the row kernel uses, and SSSE3 lacks the blends and minima that make it worth having.
// Vectors of a length that the compiler does not know cannot be members of a class, as ours are.
#define HWY_DISABLED_TARGETS (HWY_AVX3_DL | HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
