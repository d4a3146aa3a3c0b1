#include "team.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

// A job is the items of one team_run. Threads claim items by counting up; the
// generation in the upper half of a claim tells jobs apart, so that a helper
// that comes late to a job never claims from the next one by mistake.
struct team {
  int threads;
  atomic_int references;
  atomic_int next_thread;
  atomic_int closed;
  atomic_uint_fast64_t claim; // generation << 32 | next item
  atomic_int_fast64_t done;
  atomic_int_fast64_t items;
  item_fn *_Atomic fn;
  void *_Atomic argument;
};

static void relax(unsigned *spins) {
  if (++*spins < 4096) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  } else {
    sched_yield();
  }
}

static void release(team *t) {
  if (atomic_fetch_sub(&t->references, 1) == 1)
    free(t);
}

// work claims items of the present job until there are none.
static void work(team *t, int thread) {
  for (;;) {
    uint64_t claim = atomic_load(&t->claim);
    int64_t item = (int64_t)(claim & 0xffffffffu), n = atomic_load(&t->items);
    item_fn *fn = atomic_load(&t->fn);
    void *argument = atomic_load(&t->argument);
    if (item >= n)
      return;
    // Fails when another thread was faster, or when this job is over.
    if (!atomic_compare_exchange_weak(&t->claim, &claim, claim + 1))
      continue;
    fn(argument, item, thread);
    atomic_fetch_add(&t->done, 1);
  }
}

// gathering is the team that this thread is calling helpers for.
static _Thread_local team *gathering;

static void help(void *data) {
  team *t = data;
  if (t == gathering) { // by a pool whose queue is full: the caller would wait for itself
    release(t);
    return;
  }
  int thread = atomic_fetch_add(&t->next_thread, 1);
  unsigned spins = 0;
  while (!atomic_load(&t->closed)) {
    uint64_t claim = atomic_load(&t->claim);
    if ((int64_t)(claim & 0xffffffffu) < atomic_load(&t->items)) {
      work(t, thread);
      spins = 0;
    } else {
      relax(&spins);
    }
  }
  release(t);
}

team *team_start(const executor *e) {
  team *t = calloc(1, sizeof *t);
  if (!t)
    return NULL;
  atomic_init(&t->references, 1);
  atomic_init(&t->next_thread, 1);
  t->threads = 1;
  gathering = t;
  for (int i = 1; i < e->threads; i++) {
    atomic_fetch_add(&t->references, 1);
    if (e->schedule(e->context, help, t) != 0) {
      atomic_fetch_sub(&t->references, 1);
      break;
    }
    t->threads++;
  }
  gathering = NULL;
  return t;
}

int team_threads(const team *t) { return t->threads; }

void team_run(team *t, int64_t n, item_fn *fn, void *argument) {
  if (t->threads == 1 || n == 1) {
    for (int64_t i = 0; i < n; i++)
      fn(argument, i, 0);
    return;
  }
  // No items until all of the job is in place; a new generation last.
  uint64_t generation = atomic_load(&t->claim) >> 32;
  atomic_store(&t->items, 0);
  atomic_store(&t->done, 0);
  atomic_store(&t->claim, (generation + 1) << 32 | 0xffffffffu);
  atomic_store(&t->fn, fn);
  atomic_store(&t->argument, argument);
  atomic_store(&t->items, n);
  atomic_store(&t->claim, (generation + 2) << 32);
  work(t, 0);
  unsigned spins = 0;
  while (atomic_load(&t->done) < n)
    relax(&spins);
}

// march is the steps of one team_steps.
typedef struct march {
  step_fn *fn;
  void *argument;
  int64_t steps, parts;
  atomic_int_fast64_t done; // parts of all steps
  struct place {
    _Alignas(64) atomic_int_fast64_t next; // the first step that nobody has taken
    atomic_int taken;                      // whether a thread has come for the part
  } *places;
} march;

// do_part does a part of a step unless somebody has taken it.
static void do_part(march *m, int64_t step, int64_t part) {
  int_fast64_t next = step;
  if (!atomic_compare_exchange_strong(&m->places[part].next, &next, step + 1))
    return;
  m->fn(m->argument, step, part);
  atomic_fetch_add(&m->done, 1);
}

// do_place does a part of all steps, and the parts for which no thread has come.
static void do_place(void *argument, int64_t place, int thread) {
  (void)thread;
  march *m = argument;
  atomic_store(&m->places[place].taken, 1);
  for (int64_t step = 0; step < m->steps; step++) {
    unsigned spins = 0;
    do_part(m, step, place);
    while (atomic_load(&m->done) < (step + 1) * m->parts) {
      for (int64_t i = 0; i < m->parts; i++)
        if (!atomic_load(&m->places[i].taken))
          do_part(m, step, i);
      relax(&spins);
    }
  }
}

void team_steps(team *t, int64_t steps, step_fn *fn, void *argument) {
  struct place places[t->threads];
  march m = {.fn = fn, .argument = argument, .steps = steps, .parts = t->threads, .places = places};
  atomic_init(&m.done, 0);
  for (int i = 0; i < t->threads; i++) {
    atomic_init(&places[i].next, 0);
    atomic_init(&places[i].taken, 0);
  }
  team_run(t, t->threads, do_place, &m);
}

void team_end(team *t) {
  atomic_store(&t->closed, 1);
  release(t);
}

enum { SLOTS = 8 };
static _Thread_local struct {
  void *memory;
  int64_t size;
} slots[SLOTS];

// grow replaces a slot's memory: straight from the system where that can be, so
// that it does not lie in the way of others in the heap.
static void *grow(void *old, int64_t old_size, int64_t size) {
#ifdef __linux__
  if (old)
    munmap(old, old_size);
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return NULL;
  madvise(memory, size, MADV_HUGEPAGE);
  return memory;
#else
  (void)old_size;
  free(old);
  return aligned_alloc(64, size);
#endif
}

void *scratch(int slot, int64_t size) {
  size = size < 1 ? 1 : size;
  if (slots[slot].size < size) {
    const int64_t huge = 2 << 20;
    int64_t whole = (size + huge - 1) / huge * huge;
    slots[slot].memory = grow(slots[slot].memory, slots[slot].size, whole);
    slots[slot].size = slots[slot].memory ? whole : 0;
  }
  return slots[slot].memory;
}
