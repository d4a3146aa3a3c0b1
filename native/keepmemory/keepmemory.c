#define _GNU_SOURCE
#include <stdlib.h>

#if defined(__linux__) && defined(__GLIBC__)
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

// Two kinds of memory are kept, by two means.
//
// Large blocks, of which XLA takes one for the temporary values of every step:
// posix_memalign and free of this program, and what else meets such a block,
// stand before the C library's, for XLA's plugin too, and keep a few blocks for
// the next step. In the heap other things would settle in their place between
// two steps.
//
// Everything smaller: the C library's allocator is told not to give its heap
// back.

enum { BLOCKS = 32, KEPT = 3, HUGE_PAGE = 2 << 20 };
static const size_t LARGE = (size_t)32 << 20;    // from here on a block is large
static const long WAIT = 10 * 1000 * 1000;       // nanoseconds
static const size_t MOST = 4;                    // a block serves sizes down to that part of its own

static struct block {
  char *memory;
  size_t size;
  int used;
  uint64_t freed; // when it was freed last, by counting; 0 is never
} blocks[BLOCKS];
static uint64_t frees;
static atomic_flag lock = ATOMIC_FLAG_INIT;

static void enter(void) {
  while (atomic_flag_test_and_set_explicit(&lock, memory_order_acquire))
    sched_yield();
}
static void leave(void) { atomic_flag_clear_explicit(&lock, memory_order_release); }

// take gives the smallest kept block that is large enough, and not by far too
// large, or NULL; busy says whether one that is in use would do, and is likely
// to be free soon: it was before.
static void *take(size_t size, int *busy) {
  struct block *best = NULL;
  *busy = 0;
  enter();
  for (struct block *b = blocks; b < blocks + BLOCKS; b++)
    if (b->memory && b->size >= size && b->size / MOST <= size) {
      if (b->used)
        *busy |= b->freed > 0;
      else if (!best || b->size < best->size)
        best = b;
    }
  if (best)
    best->used = 1;
  leave();
  return best ? best->memory : NULL;
}

// put remembers a new block that is in use. 0 means that there is no room.
static int put(char *memory, size_t size) {
  int done = 0;
  enter();
  for (int i = 0; i < BLOCKS && !done; i++)
    if (!blocks[i].memory) {
      blocks[i] = (struct block){memory, size, 1, 0};
      done = 1;
    }
  leave();
  return done;
}

// give takes a block back, 0 if it is none. Of the blocks that are free it keeps
// the ones that were freed last.
static int give(void *memory) {
  struct block spare = {0}, *oldest = NULL;
  int found = 0, kept = 0;
  enter();
  for (struct block *b = blocks; b < blocks + BLOCKS; b++) {
    if (b->memory == memory)
      b->used = 0, b->freed = ++frees, found = 1;
    if (b->memory && !b->used) {
      kept++;
      if (!oldest || b->freed < oldest->freed)
        oldest = b;
    }
  }
  if (found && kept > KEPT) {
    spare = *oldest;
    *oldest = (struct block){0};
  }
  leave();
  if (spare.memory)
    munmap(spare.memory, spare.size);
  return found;
}

// map gets memory from the system, in huge pages where it has them.
static char *map(size_t size) {
  char *p = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED)
    return NULL;
  char *start = (char *)(((uintptr_t)p + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
  if (start > p)
    munmap(p, start - p);
  munmap(start + size, HUGE_PAGE - (start - p));
  madvise(start, size, MADV_HUGEPAGE);
  return start;
}

// drop returns all blocks that are free to the system.
static void drop(void) {
  enter();
  for (struct block *b = blocks; b < blocks + BLOCKS; b++)
    if (b->memory && !b->used) {
      munmap(b->memory, b->size);
      *b = (struct block){0};
    }
  leave();
}

// despair makes that nobody waits for the blocks that somebody waited for in
// vain, until they have been free once more.
static void despair(size_t size) {
  enter();
  for (struct block *b = blocks; b < blocks + BLOCKS; b++)
    if (b->memory && b->used && b->size >= size)
      b->freed = 0;
  leave();
}

// large gives a large block, or NULL. XLA frees the block of a step a little
// after it says that the step is done: that is worth a short wait.
static void *large(size_t size) {
  if (size > PTRDIFF_MAX)
    return NULL;
  size = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
  int busy;
  for (long waited = 0;; waited += 100 * 1000) {
    void *kept = take(size, &busy);
    if (kept)
      return kept;
    if (!busy)
      break;
    if (waited >= WAIT) {
      despair(size);
      break;
    }
    nanosleep(&(struct timespec){0, 100 * 1000}, NULL);
  }
  char *new = map(size);
  if (!new) {
    drop();
    new = map(size);
  }
  if (new && !put(new, size)) {
    munmap(new, size);
    return NULL;
  }
  return new;
}

// size_of is the size of a large block, 0 of all else.
static size_t size_of(const void *p) {
  size_t size = 0;
  if (!p || (uintptr_t)p & (HUGE_PAGE - 1))
    return 0;
  enter();
  for (struct block *b = blocks; b < blocks + BLOCKS; b++)
    if (b->memory == p)
      size = b->size;
  leave();
  return size;
}

extern void *__libc_memalign(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void __libc_free(void *);

int posix_memalign(void **result, size_t alignment, size_t size) {
  if (alignment % sizeof(void *) || alignment & (alignment - 1) || !alignment)
    return EINVAL;
  void *p = size >= LARGE && alignment <= HUGE_PAGE ? large(size) : NULL;
  if (!p)
    p = __libc_memalign(alignment, size);
  if (!p)
    return ENOMEM;
  *result = p;
  return 0;
}

void free(void *p) {
  if (((uintptr_t)p & (HUGE_PAGE - 1)) == 0 && p && give(p))
    return;
  int saved = errno;
  __libc_free(p);
  errno = saved;
}

void *realloc(void *p, size_t size) {
  size_t old = size_of(p);
  if (!old)
    return __libc_realloc(p, size);
  void *moved = size ? malloc(size) : NULL;
  if (moved)
    memcpy(moved, p, old < size ? old : size);
  if (moved || !size)
    free(p);
  return moved;
}

void *reallocarray(void *p, size_t n, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(n, size, &bytes)) {
    errno = ENOMEM;
    return NULL;
  }
  return realloc(p, bytes);
}

size_t malloc_usable_size(void *p) {
  size_t size = size_of(p);
  if (size)
    return size;
  size_t (*next)(void *) = (size_t (*)(void *))dlsym(RTLD_NEXT, "malloc_usable_size");
  return next ? next(p) : 0;
}

// keep_heap runs before the program's first thread starts: the heaps of threads
// that are there already would stay.
__attribute__((constructor)) static void keep_heap(void) {
  pthread_atfork(enter, leave, leave);
  mallopt(M_ARENA_MAX, 1);       // one heap for all threads,
  mallopt(M_TRIM_THRESHOLD, -1); // of which nothing goes back to the system,
  mallopt(M_MMAP_MAX, 0);
  // and of which the part that is touched first is to be in huge pages.
  size_t reserve = (size_t)sysconf(_SC_PHYS_PAGES) / 8 * (size_t)sysconf(_SC_PAGESIZE);
  char *p = malloc(reserve);
  if (p && reserve > 2 * HUGE_PAGE) {
    char *start = (char *)(((uintptr_t)p + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
    madvise(start, reserve - (start - p), MADV_HUGEPAGE);
  }
  free(p);
}

// keepmemory_release gives the pages of the heap's free places back to the system. The
// heap's end stays where it is: what grows beyond it later would not be in huge pages.
void keepmemory_release(void) { malloc_trim(PTRDIFF_MAX); }
#else
void keepmemory_release(void) {}
#endif
