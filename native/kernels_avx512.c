#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")
#define VL 16
#define VECTORS 4
#define NAME "avx512"
#define TABLE kernels_avx512
#include "kernels.inc.h"
#else
#include "kernels.h"
const kernels *kernels_avx512(void) { return 0; }
#endif
