#ifndef KAFISTO_TEAM_CHECK_H
#define KAFISTO_TEAM_CHECK_H

// The pools that kafisto_check_team knows, by what they do with a task.
enum {
  POOL_THREADS, // start a thread for it
  POOL_LATE,    // the same, but the thread sleeps first, perhaps until the team has ended
  POOL_INLINE,  // run it at once, as a pool with a full queue does
  POOL_REFUSES  // nothing
};

// kafisto_check_team runs jobs of different sizes with a team of so many threads
// of such a pool, for tests. It returns how many items were not done exactly
// once, were done by two threads of the same number at the same time, or were not
// seen by the caller.
int kafisto_check_team(int threads, int jobs, int pool);

// kafisto_check_steps does the same with team_steps, of 0 steps and more. It
// returns how many parts were not done once in each step, or before all parts of
// the step before.
int kafisto_check_steps(int threads, int jobs, int pool);

#endif
