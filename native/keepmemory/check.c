#include <stdlib.h>

#if defined(__linux__) && defined(__GLIBC__)
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXPECT(condition)                                                                                               \
  if (!(condition))                                                                                                     \
  return __LINE__

// keepmemory_check takes and frees large blocks in all ways that the C library
// has. It returns 0, or the line of what was not as expected.
int keepmemory_check(void) {
  const size_t size = (size_t)48 << 20;
  void *first, *second, *none = NULL;
  EXPECT(posix_memalign(&first, 64, size) == 0 && (uintptr_t)first % 64 == 0);
  memset(first, 1, size);
  EXPECT(malloc_usable_size(first) >= size);
  EXPECT(posix_memalign(&second, 64, size) == 0 && second != first); // nothing is waited for that was never free
  void *kept = first;
  free(first);
  EXPECT(posix_memalign(&first, 64, size - 1000) == 0 && first == kept);
  memset(first, 2, size - 1000);
  char *moved = realloc(first, size + 5000);
  EXPECT(moved && moved[0] == 2 && moved[size - 1001] == 2);
  moved = realloc(moved, 100);
  EXPECT(moved && moved[99] == 2 && malloc_usable_size(moved) >= 100);
  free(moved);
  free(second);
  EXPECT(posix_memalign(&none, 64, SIZE_MAX - 100) == ENOMEM && none == NULL);
  EXPECT(posix_memalign(&none, 3, size) == EINVAL);
  pid_t child = fork();
  EXPECT(child >= 0);
  if (child == 0) {
    void *p = NULL;
    _exit(posix_memalign(&p, 64, size) != 0 || (free(p), 0));
  }
  int status = -1;
  EXPECT(waitpid(child, &status, 0) == child && status == 0);
  return 0;
}

void keepmemory_release(void);

// resident is how much memory the process has, in bytes, or 0 if nobody can tell.
static size_t resident(void) {
  size_t size = 0, pages = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  if (f && fscanf(f, "%zu %zu", &size, &pages) != 2)
    pages = 0;
  if (f)
    fclose(f);
  return pages * (size_t)sysconf(_SC_PAGESIZE);
}

// keepmemory_check_release frees blocks that lie between others and checks that they
// go back to the system, and that the others are as they were.
int keepmemory_check_release(void) {
  enum { N = 64, SIZE = 1 << 20, SMALL = 1000 };
  char *freed[N], *held[N];
  for (int i = 0; i < N; i++) {
    EXPECT((freed[i] = malloc(SIZE)) && (held[i] = malloc(SMALL)));
    memset(freed[i], 1, SIZE);
    memset(held[i], i, SMALL);
  }
  for (int i = 0; i < N; i++)
    free(freed[i]);
  size_t before = resident();
  keepmemory_release();
  EXPECT(before == 0 || resident() + N / 2 * (size_t)SIZE < before);
  for (int i = 0; i < N; i++) {
    EXPECT(held[i][0] == i && held[i][SMALL - 1] == i);
    free(held[i]);
  }
  return 0;
}
#else
int keepmemory_check(void) { return 0; }
int keepmemory_check_release(void) { return 0; }
#endif
