#include <stdlib.h>

#if defined(__linux__) && defined(__GLIBC__)
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

// SMALLER is the room for everything but the block of temporary values that XLA
// takes at the beginning of a step and frees at its end. That block is the
// largest of all, fits in no hole of this size, and so comes from the end of
// the heap every time: nothing else settles in its place meanwhile.
static const size_t SMALLER = (size_t)512 << 20;

// keep_memory runs before the program's first thread starts: the heaps of
// threads that are there already would stay.
__attribute__((constructor)) static void keep_memory(void) {
  mallopt(M_ARENA_MAX, 1);       // one heap for all threads,
  mallopt(M_MMAP_MAX, 0);        // also for large blocks,
  mallopt(M_TRIM_THRESHOLD, -1); // of which nothing goes back to the system
  size_t reserve = (size_t)sysconf(_SC_PHYS_PAGES) / 4 * (size_t)sysconf(_SC_PAGESIZE);
  if (reserve < 2 * SMALLER)
    return;
  // The part of the heap that is touched first is to be in huge pages.
  const size_t huge = 2 << 20;
  char *hole = malloc(SMALLER), *wall = malloc(64), *rest = malloc(reserve - SMALLER);
  char *start = (char *)(((size_t)hole + huge - 1) / huge * huge);
  if (hole && wall && rest > hole)
    madvise(start, rest + (reserve - SMALLER) - start, MADV_HUGEPAGE);
  free(rest);
  free(hole); // the wall stays and keeps the two apart
}
#endif
