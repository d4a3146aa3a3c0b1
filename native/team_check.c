#include "team_check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "team.h"

enum { MOST_THREADS = 64, MOST_ITEMS = 300 };

typedef struct task {
  task_fn *run;
  void *data;
  int late;
} task;

static void *run_task(void *argument) {
  task t = *(task *)argument;
  free(argument);
  if (t.late)
    nanosleep(&(struct timespec){0, 2000000}, NULL);
  t.run(t.data);
  return NULL;
}

static int schedule(void *context, task_fn *run, void *data) {
  int pool = *(const int *)context;
  if (pool == POOL_REFUSES)
    return 1;
  if (pool == POOL_INLINE) {
    run(data);
    return 0;
  }
  task *t = malloc(sizeof *t);
  pthread_t thread;
  if (!t)
    return 1;
  *t = (task){run, data, pool == POOL_LATE};
  if (pthread_create(&thread, NULL, run_task, t) != 0) {
    free(t);
    return 1;
  }
  pthread_detach(thread);
  return 0;
}

// job is the items of one team_run: how often each was done.
typedef struct job {
  int64_t n, base;
  int64_t results[MOST_ITEMS]; // not atomic: team_run has to make them visible
  atomic_int times[MOST_ITEMS];
  atomic_int busy[MOST_THREADS];
  atomic_int wrong;
} job;

static void do_item(void *argument, int64_t i, int thread) {
  job *j = argument;
  if (i < 0 || i >= j->n || thread < 0 || thread >= MOST_THREADS || atomic_fetch_add(&j->busy[thread], 1) != 0) {
    atomic_fetch_add(&j->wrong, 1);
    return;
  }
  atomic_fetch_add(&j->times[i], 1);
  j->results[i] = j->base + i;
  atomic_fetch_sub(&j->busy[thread], 1);
}

int kafisto_check_team(int threads, int jobs, int pool) {
  int wrong = 0;
  executor e = {schedule, &pool, threads};
  team *t = team_start(&e);
  if (!t || team_threads(t) > threads)
    return -1;
  for (int k = 0; k < jobs; k++) {
    job j = {.n = k * 7 % MOST_ITEMS, .base = k}; // on the stack: late items would write over the next one
    team_run(t, j.n, do_item, &j);
    for (int i = 0; i < MOST_ITEMS; i++)
      wrong += atomic_load(&j.times[i]) != (i < j.n) || j.results[i] != (i < j.n ? j.base + i : 0);
    wrong += atomic_load(&j.wrong);
  }
  team_end(t);
  return wrong;
}

// course is one team_steps.
typedef struct course {
  int threads;
  int64_t last[MOST_THREADS]; // step of each part
  atomic_int wrong;
} course;

static void do_step(void *argument, int64_t step, int64_t part) {
  course *c = argument;
  int wrong = part < 0 || part >= c->threads || c->last[part] != step - 1;
  for (int i = 0; i < c->threads; i++)
    wrong += __atomic_load_n(&c->last[i], __ATOMIC_RELAXED) < step - 1;
  __atomic_store_n(&c->last[part], step, __ATOMIC_RELAXED);
  atomic_fetch_add(&c->wrong, wrong);
}

int kafisto_check_steps(int threads, int jobs, int pool) {
  int wrong = 0;
  executor e = {schedule, &pool, threads};
  team *t = team_start(&e);
  if (!t || team_threads(t) > threads)
    return -1;
  for (int k = 0; k < jobs; k++) {
    course c = {.threads = team_threads(t)};
    for (int i = 0; i < c.threads; i++)
      c.last[i] = -1;
    team_steps(t, k, do_step, &c);
    for (int i = 0; i < c.threads; i++)
      wrong += c.last[i] != k - 1;
    wrong += atomic_load(&c.wrong);
  }
  team_end(t);
  return wrong;
}
