#include "kernels.h"

const kernels *best_kernels(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (kernels_avx512() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
    return kernels_avx512();
  if (kernels_avx2() && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return kernels_avx2();
#endif
  return kernels_portable();
}
