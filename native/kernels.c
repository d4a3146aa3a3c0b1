#include "kernels.h"

#include <stdatomic.h>
#include <string.h>

static const kernels *_Atomic chosen; // by use_kernels

// can tells whether this processor has the instructions of some kernels.
static int can(const kernels *k) {
  if (!k)
    return 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (k == kernels_avx512())
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw");
  if (k == kernels_avx2())
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  return 1;
}

const kernels *best_kernels(void) {
  const kernels *k = atomic_load(&chosen);
  if (k)
    return k;
  const kernels *best = can(kernels_avx512()) ? kernels_avx512() : can(kernels_avx2()) ? kernels_avx2() : kernels_portable();
  return atomic_compare_exchange_strong(&chosen, &k, best) ? best : k;
}

int use_kernels(const char *name) {
  const kernels *all[] = {kernels_avx512(), kernels_avx2(), kernels_portable()};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (can(all[i]) && strcmp(all[i]->name, name) == 0) {
      atomic_store(&chosen, all[i]);
      return 1;
    }
  return 0;
}
