// A team shares the work of one kernel call among the threads of XLA's pool.
#ifndef KAFISTO_TEAM_H
#define KAFISTO_TEAM_H

#include <stdint.h>

// task is what a pool runs.
typedef void task_fn(void *data);

// executor is a pool of threads that a team may ask for help. schedule makes
// another thread run the task some time later, or runs it at once itself, and
// returns 0; or it returns something else and never runs it.
typedef struct executor {
  int (*schedule)(void *context, task_fn *task, void *data);
  void *context;
  int threads; // that work at the same time, the caller's included
} executor;

// item_fn does item i of n; thread is below the team's number of threads and
// belongs to one thread at a time.
typedef void item_fn(void *argument, int64_t i, int thread);

typedef struct team team;

// team_start gathers helpers. They may come late or never: the caller does
// what nobody else does.
team *team_start(const executor *e);

// team_threads is how many threads may work in a team, the caller's included.
int team_threads(const team *t);

// team_run does n items, in any order, and returns when all are done.
void team_run(team *t, int64_t n, item_fn *fn, void *argument);

// step_fn does a part of a step.
typedef void step_fn(void *argument, int64_t step, int64_t part);

// team_steps does a number of steps, each in as many parts as the team has
// threads, and returns when all are done. A step begins when all parts of the
// one before are done. A part stays with one thread, so that what it works on
// stays in that thread's cache; until that thread comes, others do it.
void team_steps(team *t, int64_t steps, step_fn *fn, void *argument);

// team_end sends the helpers away.
void team_end(team *t);

// scratch is memory of at least size bytes, aligned to 64, that belongs to the
// calling thread until its next call with the same slot (0 to 7). It is kept, beyond the thread too.
// NULL when there is no memory.
void *scratch(int slot, int64_t size);

#endif
