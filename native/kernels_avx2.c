#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC target("avx2,fma")
#define VL 8
#define VECTORS 2
#define NAME "avx2"
#define TABLE kernels_avx2
#include "kernels.inc.h"
#else
#include "kernels.h"
const kernels *kernels_avx2(void) { return 0; }
#endif
