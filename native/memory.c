#include "handlers.h"

#include <stdlib.h>
#if defined(__linux__) && defined(__GLIBC__)
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

void kafisto_keep_memory(void) {
#if defined(__linux__) && defined(__GLIBC__)
  mallopt(M_ARENA_MAX, 1);       // one heap for all threads,
  mallopt(M_MMAP_MAX, 0);        // also for large blocks,
  mallopt(M_TRIM_THRESHOLD, -1); // of which nothing goes back to the system
  // The part of the heap that is touched first is to be in huge pages.
  size_t reserve = (size_t)sysconf(_SC_PHYS_PAGES) / 4 * (size_t)sysconf(_SC_PAGESIZE);
  char *block = malloc(reserve);
  if (block) {
    const size_t huge = 2 << 20;
    char *start = (char *)(((size_t)block + huge - 1) / huge * huge);
    madvise(start, reserve - (start - block), MADV_HUGEPAGE);
    free(block);
  }
#endif
}
