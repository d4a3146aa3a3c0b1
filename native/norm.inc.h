// Batch normalisation of [rows, channels] over the rows, with what commonly
// follows it: the addition of a shortcut and the rectifier.
//
// Sums over rows are made in parts of ROW_PART rows, whatever the number of
// threads, and added up in double precision in the order of the parts.

enum { ROW_PART = 512 };

// norm is one normalisation in work. Which fields are set depends on the pass.
typedef struct norm {
  const normalization *n;
  const float *x, *scale, *offset, *shortcut, *y, *dy;
  float *out, *mean, *variance, *d_scale, *d_offset, *d_shortcut;
  float *sums;                          // [parts][2][channels]
  float *factor, *level, *slope;        // [channels]
} norm;

static int64_t parts(const normalization *n) { return (n->rows + ROW_PART - 1) / ROW_PART; }

// positive is max(x, 0), and NaN of NaN: a network that diverges must show it.
INLINE vf positive(vf x) {
  return (vf)((vi)x & ~(x <= 0));
}

// where_positive is x where the condition is positive, and 0 elsewhere.
INLINE vf where_positive(vf condition, vf x) {
  return (vf)((vi)x & (condition > 0));
}

enum { LANES = 4 }; // vectors of channels that go through the rows together

// group is a part's rows of up to LANES vectors of channels from channel c.
typedef struct group {
  norm *k;
  int64_t part, first, end, c;
} group;

// group_fn does one group of v vectors; full says that none of them is cut off
// by the number of channels. Both are constants where it is inlined.
#define GROUP_TASK(task, group_fn)                                                                                      \
  static void task(void *argument, int64_t part, int thread) {                                                          \
    (void)thread;                                                                                                       \
    norm *k = argument;                                                                                                 \
    group g = {k, part, part * ROW_PART, min64(k->n->rows, (part + 1) * ROW_PART), 0};                                  \
    for (; g.c + LANES * VL <= k->n->channels; g.c += LANES * VL)                                                       \
      group_fn(&g, LANES, 1);                                                                                           \
    for (; g.c < k->n->channels; g.c += VL)                                                                             \
      group_fn(&g, 1, 0);                                                                                               \
  }
#define LANE UNROLL for (int l = 0; l < v; l++)
#define AT(r) ((r) * channels + c + l * VL)

// get and put move vector l of a group.
INLINE vf get(const float *p, int64_t left, int full) { return full ? load(p) : load_some(p, left); }
INLINE void put(float *p, vf x, int64_t left, int full) {
  if (full)
    store(p, x);
  else
    store_some(p, x, left);
}

// moments stores a part's mean and its sum of squared distances from it.
INLINE void group_moments(const group *g, int v, int full) {
  const float *x = g->k->x;
  int64_t channels = g->k->n->channels, c = g->c, left = channels - c;
  float *to = g->k->sums + g->part * 2 * channels;
  vf sum[LANES] = {0}, squares[LANES] = {0};
  for (int64_t r = g->first; r < g->end; r++)
    LANE sum[l] += get(x + AT(r), left, full);
  LANE sum[l] = sum[l] * (1.f / (g->end - g->first));
  for (int64_t r = g->first; r < g->end; r++)
    LANE {
      vf d = get(x + AT(r), left, full) - sum[l];
      squares[l] += d * d;
    }
  LANE put(to + AT(0), sum[l], left, full);
  LANE put(to + AT(1), squares[l], left, full);
}
GROUP_TASK(moments, group_moments)

// join_moments combines the parts (Chan, Golub and LeVeque, 1983).
static void join_moments(norm *k) {
  int64_t channels = k->n->channels;
  for (int64_t c = 0; c < channels; c++) {
    double count = 0, mean = 0, square = 0;
    for (int64_t p = 0; p < parts(k->n); p++) {
      double n = min64(ROW_PART, k->n->rows - p * ROW_PART), d = k->sums[p * 2 * channels + c] - mean;
      square += k->sums[(p * 2 + 1) * channels + c] + d * d * count * n / (count + n);
      mean += d * n / (count + n);
      count += n;
    }
    k->mean[c] = (float)mean;
    k->variance[c] = (float)(square / count);
  }
}

static void make_factors(norm *k) {
  for (int64_t c = 0; c < k->n->channels; c++)
    k->factor[c] = k->scale[c] / __builtin_sqrtf(k->variance[c] + 1e-9f * k->n->epsilon);
}

// normalized is the value before the shortcut and the rectifier; the mask of
// the backward pass is made by the same operations.
INLINE vf normalized(vf x, vf mean, vf factor, vf offset) { return (x - mean) * factor + offset; }

INLINE void group_apply(const group *g, int v, int full) {
  const norm *k = g->k;
  int64_t channels = k->n->channels, c = g->c, left = channels - c;
  int relu = (int)k->n->relu;
  vf mean[LANES], factor[LANES], offset[LANES];
  LANE mean[l] = get(k->mean + AT(0), left, full);
  LANE factor[l] = get(k->factor + AT(0), left, full);
  LANE offset[l] = get(k->offset + AT(0), left, full);
  for (int64_t r = g->first; r < g->end; r++)
    LANE {
      vf y = normalized(get(k->x + AT(r), left, full), mean[l], factor[l], offset[l]);
      if (k->shortcut)
        y += get(k->shortcut + AT(r), left, full);
      put(k->out + AT(r), relu ? positive(y) : y, left, full);
    }
}
GROUP_TASK(apply, group_apply)

static int norm_forward(team *t, const normalization *n, const float *x, const float *scale, const float *offset,
                        const float *shortcut, float *y, float *mean, float *variance) {
  norm k = {.n = n, .x = x, .scale = scale, .offset = offset, .shortcut = shortcut, .out = y, .mean = mean, .variance = variance};
  k.sums = scratch(0, (parts(n) * 2 + 1) * n->channels * sizeof *k.sums);
  if (!k.sums)
    return -1;
  k.factor = k.sums + parts(n) * 2 * n->channels;
  team_run(t, parts(n), moments, &k);
  join_moments(&k);
  make_factors(&k);
  team_run(t, parts(n), apply, &k);
  return 0;
}

// arriving is the gradient that arrives before the shortcut and the rectifier.
INLINE vf arriving(const norm *k, int64_t at, int64_t left, int full, vf x, vf mean, vf factor, vf offset) {
  vf dy = get(k->dy + at, left, full);
  if (!k->n->relu)
    return dy;
  return where_positive(k->y ? get(k->y + at, left, full) : normalized(x, mean, factor, offset), dy);
}

// products stores a part's sums of the gradient and of its products with the
// centred x, and the gradient of the shortcut where there is one.
INLINE void group_products(const group *g, int v, int full) {
  const norm *k = g->k;
  int64_t channels = k->n->channels, c = g->c, left = channels - c;
  float *to = k->sums + g->part * 2 * channels;
  vf mean[LANES], factor[LANES], offset[LANES], sum[LANES] = {0}, product[LANES] = {0};
  LANE mean[l] = get(k->mean + AT(0), left, full);
  LANE factor[l] = get(k->factor + AT(0), left, full);
  LANE offset[l] = get(k->offset + AT(0), left, full);
  for (int64_t r = g->first; r < g->end; r++)
    LANE {
      vf x = get(k->x + AT(r), left, full);
      vf d = arriving(k, AT(r), left, full, x, mean[l], factor[l], offset[l]);
      if (k->d_shortcut)
        put(k->d_shortcut + AT(r), d, left, full);
      sum[l] += d;
      product[l] += d * (x - mean[l]);
    }
  LANE put(to + AT(0), sum[l], left, full);
  LANE put(to + AT(1), product[l], left, full);
}
GROUP_TASK(products, group_products)

static void join_products(norm *k) {
  int64_t channels = k->n->channels;
  for (int64_t c = 0; c < channels; c++) {
    double sum = 0, product = 0, rows = (double)k->n->rows;
    for (int64_t p = 0; p < parts(k->n); p++) {
      sum += k->sums[p * 2 * channels + c];
      product += k->sums[(p * 2 + 1) * channels + c];
    }
    double deviation = __builtin_sqrt((double)k->variance[c] + 1e-9 * k->n->epsilon);
    k->d_offset[c] = (float)sum;
    k->d_scale[c] = (float)(product / deviation);
    k->level[c] = (float)(sum / rows);
    k->slope[c] = (float)(product / deviation / deviation / rows);
  }
}

INLINE void group_propagate(const group *g, int v, int full) {
  const norm *k = g->k;
  int64_t channels = k->n->channels, c = g->c, left = channels - c;
  vf mean[LANES], factor[LANES], offset[LANES], level[LANES], slope[LANES];
  LANE mean[l] = get(k->mean + AT(0), left, full);
  LANE factor[l] = get(k->factor + AT(0), left, full);
  LANE offset[l] = get(k->offset + AT(0), left, full);
  LANE level[l] = get(k->level + AT(0), left, full);
  LANE slope[l] = get(k->slope + AT(0), left, full);
  for (int64_t r = g->first; r < g->end; r++)
    LANE {
      vf x = get(k->x + AT(r), left, full);
      vf d = k->d_shortcut ? get(k->d_shortcut + AT(r), left, full)
                           : arriving(k, AT(r), left, full, x, mean[l], factor[l], offset[l]);
      put(k->out + AT(r), factor[l] * (d - level[l] - (x - mean[l]) * slope[l]), left, full);
    }
}
GROUP_TASK(propagate, group_propagate)

static int norm_backward(team *t, const normalization *n, const float *dy, const float *x, const float *mean,
                         const float *variance, const float *scale, const float *offset, const float *y, float *dx,
                         float *d_scale, float *d_offset, float *d_shortcut) {
  norm k = {.n = n, .dy = dy, .x = x, .mean = (float *)mean, .variance = (float *)variance, .scale = scale, .offset = offset,
            .y = y, .out = dx, .d_scale = d_scale, .d_offset = d_offset, .d_shortcut = d_shortcut};
  k.sums = scratch(0, (parts(n) * 2 + 3) * n->channels * sizeof *k.sums);
  if (!k.sums)
    return -1;
  k.factor = k.sums + parts(n) * 2 * n->channels;
  k.level = k.factor + n->channels;
  k.slope = k.level + n->channels;
  make_factors(&k);
  team_run(t, parts(n), products, &k);
  join_products(&k);
  team_run(t, parts(n), propagate, &k);
  return 0;
}
