// The filter's passes over the parameters: prediction, sums, correction. What
// is between them, the filter's equations for a few numbers a layer, is not
// here. Layers are cut into chunks, which are handed out one by one; sums are
// added up in the order of the chunks.

enum {
  FILTER_CHUNK = 16384, // numbers of a layer that one thread does at a time
  FILTER_BLOCK = 2048   // numbers that are summed up in single precision
};

typedef struct chunk {
  int64_t layer, first, end;
} chunk;

typedef struct passes {
  const filter *f;
  chunk *chunks;
  int64_t count;
  double (*sums)[3]; // of a chunk
  float *const *a, *const *b, *const *c, *const *d; // layers' inputs
  float *const *x, *const *p, *const *average;      // layers' outputs
  float beta;
  const double *gain, *velocity_gain, *smoothing, *shrink, *decay;
  double velocity_decay;
} passes;

// cut makes the chunks. 0 means that there is no memory.
static int cut(passes *k) {
  int64_t most = 0;
  for (int64_t i = 0; i < k->f->layers; i++)
    most += (k->f->sizes[i] + FILTER_CHUNK - 1) / FILTER_CHUNK;
  k->chunks = scratch(0, most * (sizeof *k->chunks + sizeof *k->sums));
  if (!k->chunks)
    return 0;
  k->sums = (double(*)[3])(k->chunks + most);
  for (int64_t i = 0; i < k->f->layers; i++)
    for (int64_t at = 0; at < k->f->sizes[i]; at += FILTER_CHUNK)
      k->chunks[k->count++] = (chunk){i, at, min64(k->f->sizes[i], at + FILTER_CHUNK)};
  return 1;
}

INLINE double sum_of(vf x) {
  double sum = 0;
  for (int i = 0; i < VL; i++)
    sum += x[i];
  return sum;
}

// FOR_VECTORS goes through a chunk in blocks, a vector at a time, the last of
// them perhaps with fewer than VL numbers (left). AFTER runs after each block.
#define FOR_VECTORS(k, i, BODY, AFTER)                                                                                  \
  for (int64_t block = (i).first; block < (i).end; block += FILTER_BLOCK) {                                             \
    int64_t end = min64((i).end, block + FILTER_BLOCK), at = block;                                                     \
    for (; at + VL <= end; at += VL) {                                                                                  \
      enum { full = 1, left = VL };                                                                                     \
      BODY                                                                                                              \
    }                                                                                                                   \
    if (at < end) {                                                                                                     \
      enum { full = 0 };                                                                                                \
      int64_t left = end - at;                                                                                          \
      BODY                                                                                                              \
    }                                                                                                                   \
    AFTER                                                                                                               \
  }

// predict_chunk: the average moves first where that is asked for; then the sum
// of (x - average)^2; then x moves by its velocity.
static void predict_chunk(void *argument, int64_t item, int thread) {
  (void)thread;
  passes *k = argument;
  chunk i = k->chunks[item];
  const float *x = k->a[i.layer], *p = k->b[i.layer], *average = k->c ? k->c[i.layer] : 0;
  float *to = k->x[i.layer], *moved = k->average ? k->average[i.layer] : 0;
  double sum = 0;
  vf squares = {0};
  FOR_VECTORS(k, i, {
    vf v = get(x + at, left, full);
    if (average) {
      vf mean = get(average + at, left, full);
      if (moved) {
        mean = k->beta * mean + (1 - k->beta) * v;
        put(moved + at, mean, left, full);
      }
      squares += (v - mean) * (v - mean);
    }
    put(to + at, v + get(p + at, left, full), left, full);
  }, { sum += sum_of(squares); squares = (vf){0}; })
  k->sums[item][0] = sum;
}

static void sums_chunk(void *argument, int64_t item, int thread) {
  (void)thread;
  passes *k = argument;
  item = k->count - 1 - item; // the first layers are still in the cache when the correction begins
  chunk i = k->chunks[item];
  const float *g = k->a[i.layer], *x = k->b[i.layer];
  double gg = 0, gx = 0, xx = 0;
  vf a = {0}, b = {0}, c = {0};
  FOR_VECTORS(k, i, {
    vf u = get(g + at, left, full);
    vf v = get(x + at, left, full);
    a += u * u;
    b += u * v;
    c += v * v;
  }, { gg += sum_of(a); gx += sum_of(b); xx += sum_of(c); a = b = c = (vf){0}; })
  k->sums[item][0] = gg;
  k->sums[item][1] = gx;
  k->sums[item][2] = xx;
}

static void correct_chunk(void *argument, int64_t item, int thread) {
  (void)thread;
  passes *k = argument;
  chunk i = k->chunks[item];
  int64_t l = i.layer;
  const float *g = k->a[l], *x = k->b[l], *p = k->c[l], *average = k->d ? k->d[l] : 0;
  float *to_x = k->x[l], *to_p = k->p[l], *to_average = k->average ? k->average[l] : 0;
  float gain = k->gain[l], velocity_gain = k->velocity_gain[l], decay = k->decay[l], shrink = k->shrink[l];
  float beta = k->smoothing[l], alpha = k->velocity_decay;
  FOR_VECTORS(k, i, {
    vf v = get(x + at, left, full);
    vf direction = get(g + at, left, full) + decay * v;
    vf next = v - gain * direction - shrink * v;
    put(to_x + at, next, left, full);
    put(to_p + at, alpha * get(p + at, left, full) - velocity_gain * direction, left, full);
    if (average)
      put(to_average + at, beta * get(average + at, left, full) + (1 - beta) * next, left, full);
  }, {})
}

static int filter_predict(team *t, const filter *f, double beta, float *const *x, float *const *p, float *const *average,
                          float *const *next_x, float *const *next_average, double *distances) {
  passes k = {.f = f, .beta = (float)beta, .a = x, .b = p, .c = average, .x = next_x, .average = next_average};
  if (!cut(&k))
    return -1;
  team_run(t, k.count, predict_chunk, &k);
  memset(distances, 0, f->layers * sizeof *distances);
  for (int64_t i = 0; i < k.count; i++)
    distances[k.chunks[i].layer] += k.sums[i][0];
  return 0;
}

static int filter_sums(team *t, const filter *f, float *const *g, float *const *x, double *gg, double *gx, double *xx) {
  passes k = {.f = f, .a = g, .b = x};
  if (!cut(&k))
    return -1;
  team_run(t, k.count, sums_chunk, &k);
  for (int64_t l = 0; l < f->layers; l++)
    gg[l] = gx[l] = xx[l] = 0;
  for (int64_t i = 0; i < k.count; i++) {
    int64_t l = k.chunks[i].layer;
    gg[l] += k.sums[i][0], gx[l] += k.sums[i][1], xx[l] += k.sums[i][2];
  }
  return 0;
}

static int filter_correct(team *t, const filter *f, const double *factors, double velocity_decay, float *const *g,
                          float *const *x, float *const *p, float *const *average, float *const *next_x,
                          float *const *next_p, float *const *next_average) {
  int64_t n = f->layers;
  passes k = {.f = f, .a = g, .b = x, .c = p, .d = average, .x = next_x, .p = next_p, .average = next_average,
              .gain = factors, .velocity_gain = factors + n, .smoothing = factors + 2 * n, .shrink = factors + 3 * n,
              .decay = factors + 4 * n, .velocity_decay = velocity_decay};
  if (!cut(&k))
    return -1;
  team_run(t, k.count, correct_chunk, &k);
  return 0;
}
