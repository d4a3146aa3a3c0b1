// The recurrent part of an LSTM layer: all steps of a window in one call.
//
// A step is a small product, batch x size times the recurrent weights, and the
// gates. The weights are packed once into panels of a few units: the columns of
// all gates of VL units forward, their transposed rows of PANEL_UNITS units
// backward. Where all panels fit into a core's cache, a tile of rows goes
// through the whole window by itself, since rows do not depend on each other.
// Otherwise each thread keeps to its panels, for all rows, and the threads meet
// after each step.
//
// Each sum is made in one order, whatever the tiles and the number of threads.

typedef int vi __attribute__((vector_size(VL * 4)));

enum {
  TILE = VECTORS >= 4 ? 6 : 3, // most rows of a register tile of four vectors: what the registers hold
  GATES = 4,                   // vectors of a forward panel
  SAVED = 5,                   // numbers a unit that backward needs: the gates, and tanh of the cell
  PANEL_UNITS = 4 * VL,
  ROW_CHUNK = 10 * TILE, // rows that a panel serves while it is in the cache
  DEPTH_BLOCK = 128,     // inner elements between two visits to a sum, where there are several tiles
  CACHE = 768 << 10      // bytes of weights that stay in the cache of a core
};

INLINE vf where(vi condition, vf x, vf y) { return (vf)(((vi)x & condition) | ((vi)y & ~condition)); }

// bounded is x between -limit and limit, and NaN of NaN.
INLINE vf bounded(vf x, float limit) {
  vf below = where(x > limit, splat(limit), x);
  return where(below < -limit, splat(-limit), below);
}

// exponential gives a and b with exp(x) = b + a b, where b is a power of two and
// a is small and exact to rounding: x is between -87 and 87. The polynomial is
// (exp(r) - 1 - r) / r^2 between -ln(2)/2 and ln(2)/2 to 3e-9.
INLINE vf exponential(vf x, vf *b) {
  const float shift = 0x1.8p23f; // makes the integer part the lowest bits
  vf n = x * 1.44269504f + shift;
  *b = (vf)(((vi)n << 23) + 0x3f800000);
  n -= shift;
  vf r = x - n * 0.693359375f + n * 2.12194440e-4f;
  vf p = 0.00139416533f + r * 0.000198459573f;
  p = 0.00833339151f + r * p;
  p = 0.0416663475f + r * p;
  p = 0.166666657f + r * p;
  p = 0.5f + r * p;
  return r + r * r * p;
}

INLINE vf logistic(vf x) {
  vf b, a = exponential(bounded(-x, 87), &b);
  return 1.f / (1.f + (b + b * a));
}

// hyperbolic is tanh(x), by exp(2x) - 1, which keeps the precision of small x.
INLINE vf hyperbolic(vf x) {
  vf b, a = exponential(bounded(2.f * x, 20), &b);
  vf u = b * a + (b - 1.f);
  return u / (u + 2.f);
}

// recurrence is a window in work. Forward, a state is an output; backward, it is
// the gradient of the gates' sums.
typedef struct recurrence {
  const lstm_window *w;
  const float *weights;
  float *packed;
  int64_t depth, panels, last; // of the packed matrix; last: vectors of the last panel
  int64_t steps, parts;        // parts: among which the panels are divided
  // step does a step of some rows by a panel; next is the panel that follows.
  void (*step)(const struct recurrence *k, int64_t step, int64_t row, int64_t rows, int64_t panel, int64_t next);
  // Forward.
  const float *inputs, *biases, *hidden, *cell;
  float *outputs, *cells, *saved, *next_cell;
  // Backward.
  const float *d_outputs;
  float *d_sums, *d_hidden, *d_cell;
} recurrence;

// tile_n: z[m] (+)= a[m] times the rows of a panel, nv vectors wide. ahead is the
// same rows of the panel that comes next, of which it fetches line number line.
INLINE void tile_n(int nv, int rows, const float *a, int64_t a_row, const float *b, int64_t depth, float *z, int add,
                   const float *ahead, int64_t line) {
  vf acc[TILE][4];
  const float *from[TILE];
  UNROLL for (int m = 0; m < rows; m++) {
    from[m] = a + m * a_row;
    UNROLL for (int v = 0; v < nv; v++) acc[m][v] = add ? load(z + m * PANEL_UNITS + v * VL) : (vf){0};
  }
  ahead += line * 16;
  for (int64_t k = 0; k < depth; k++) {
    vf row[4];
    UNROLL for (int v = 0; v < nv; v++) row[v] = load(b + v * VL);
    UNROLL for (int m = 0; m < rows; m++) {
      vf x = splat(from[m][k]);
      UNROLL for (int v = 0; v < nv; v++) acc[m][v] += x * row[v];
    }
    b += nv * VL;
    if (line < nv * VL / 16) {
      __builtin_prefetch(ahead, 0, 2);
      ahead += nv * VL;
    }
  }
  UNROLL for (int m = 0; m < rows; m++) UNROLL for (int v = 0; v < nv; v++) store(z + m * PANEL_UNITS + v * VL, acc[m][v]);
}

#define TILE_OF(n) case n: tile_n(nv, n, a, a_row, b, depth, z, add, ahead, line); break;
INLINE void tile_rows(int nv, int rows, const float *a, int64_t a_row, const float *b, int64_t depth, float *z, int add,
                      const float *ahead, int64_t line) {
  switch (rows) {
    TILE_OF(1)
    TILE_OF(2)
#if VECTORS >= 4
    TILE_OF(3)
    TILE_OF(4)
    TILE_OF(5)
  default: tile_n(nv, 6, a, a_row, b, depth, z, add, ahead, line);
#else
  default: tile_n(nv, 3, a, a_row, b, depth, z, add, ahead, line);
#endif
  }
}
#undef TILE_OF

static void tile(int nv, int rows, const float *a, int64_t a_row, const float *b, int64_t depth, float *z, int add,
                 const float *ahead, int64_t line) {
  switch (nv) {
  case 4: tile_rows(4, rows, a, a_row, b, depth, z, add, ahead, line); break;
  case 3: tile_rows(3, rows, a, a_row, b, depth, z, add, ahead, line); break;
  case 2: tile_rows(2, rows, a, a_row, b, depth, z, add, ahead, line); break;
  default: tile_rows(1, rows, a, a_row, b, depth, z, add, ahead, line); break;
  }
}

static int64_t tiles(int64_t rows) { return (rows + TILE - 1) / TILE; }

// product stores rows of states times a panel in z, [rows][PANEL_UNITS]. While
// it computes, it fetches what comes after: the panel's next rows, and then next.
static void product(const recurrence *k, int64_t panel, const float *a, int64_t a_row, int64_t rows, float *z,
                    int64_t next) {
  int nv = panel == k->panels - 1 ? (int)k->last : 4;
  const float *b = k->packed + panel * k->depth * PANEL_UNITS;
  int64_t count = tiles(rows), block = count == 1 ? k->depth : DEPTH_BLOCK;
  for (int64_t d = 0; d < k->depth; d += block) {
    int64_t n = min64(block, k->depth - d);
    const float *ahead = d + n < k->depth ? b + n * nv * VL : k->packed + next * k->depth * PANEL_UNITS;
    for (int64_t i = 0; i < count; i++) {
      int64_t r = rows * i / count, end = rows * (i + 1) / count;
      tile(nv, (int)(end - r), a + r * a_row + d, a_row, b, n, z + r * PANEL_UNITS, d > 0, ahead, count == 1 ? VL : i);
    }
    b += n * nv * VL;
  }
}

// step_panels does a step of some rows by some of the panels, in every other
// step from the last to the first: those that were used last are in the cache.
static void step_panels(const recurrence *k, int64_t step, int64_t row, int64_t rows, int64_t first, int64_t end) {
  for (int64_t r = 0; r < rows; r += ROW_CHUNK)
    for (int64_t i = 0; i < end - first; i++) {
      int64_t panel = step % 2 ? end - 1 - i : first + i, next = step % 2 ? panel - 1 : panel + 1;
      k->step(k, step, row + r, min64(ROW_CHUNK, rows - r), panel, next < first || next >= end ? panel : next);
    }
}

static void tile_window(void *argument, int64_t i, int thread) {
  (void)thread;
  const recurrence *k = argument;
  int64_t count = tiles(k->w->batch), row = k->w->batch * i / count, end = k->w->batch * (i + 1) / count;
  for (int64_t step = 0; step < k->steps; step++)
    step_panels(k, step, row, end - row, 0, k->panels);
}

static void part_step(void *argument, int64_t step, int64_t part) {
  const recurrence *k = argument;
  int64_t parts = k->parts;
  step_panels(k, step, 0, k->w->batch, k->panels * part / parts, k->panels * (part + 1) / parts);
}

// run_window packs the weights, [inner elements][columns], and does the steps.
static int run_window(team *t, recurrence *k, item_fn *pack) {
  int64_t size = k->depth * ((k->panels - 1) * 4 + k->last) * VL * sizeof(float);
  k->packed = scratch(0, size);
  if (!k->packed)
    return -1;
  k->parts = team_threads(t);
  team_run(t, k->panels, pack, k);
  if (size <= CACHE && tiles(k->w->batch) >= k->parts)
    team_run(t, tiles(k->w->batch), tile_window, k);
  else
    team_steps(t, k->steps, part_step, k);
  return 0;
}

// pack_units stores the columns of all gates of VL units: [inner element][gate][VL].
static void pack_units(void *argument, int64_t panel, int thread) {
  (void)thread;
  const recurrence *k = argument;
  int64_t size = k->w->size, unit = panel * VL, left = size - unit;
  float *to = k->packed + panel * k->depth * PANEL_UNITS;
  for (int64_t i = 0; i < k->depth; i++)
    for (int g = 0; g < GATES; g++, to += VL)
      store(to, load_some(k->weights + (i * GATES + g) * size + unit, left));
}

// fetch calls n numbers into the cache.
INLINE void fetch(const float *p, int64_t n) {
  for (int64_t i = 0; i < n; i += 16)
    __builtin_prefetch(p + i);
}

static void forward_step(const recurrence *k, int64_t t, int64_t row, int64_t rows, int64_t panel, int64_t next) {
  int64_t size = k->w->size, state = k->w->batch * size, unit = panel * VL, left = size - unit;
  const float *outputs = t == 0 ? k->hidden : k->outputs + (t - 1) * state;
  const float *cells = t == 0 ? k->cell : k->cells + (t - 1) * state;
  float z[ROW_CHUNK * PANEL_UNITS];
  for (int64_t i = 0; i < rows * GATES; i++)
    fetch(k->inputs + t * state * GATES + (row * GATES + i) * size + unit, VL);
  product(k, panel, outputs + row * size, size, rows, z, next);
  vf biases[GATES];
  for (int g = 0; g < GATES; g++)
    biases[g] = load_some(k->biases + g * size + unit, left);
  for (int64_t m = 0; m < rows; m++) {
    int64_t at = (row + m) * size + unit;
    const float *inputs = k->inputs + t * state * GATES + (row + m) * GATES * size + unit, *y = z + m * PANEL_UNITS;
    float *saved = k->saved + t * state * SAVED + (row + m) * SAVED * size + unit;
    vf sums[GATES];
    UNROLL for (int g = 0; g < GATES; g++) sums[g] = load(y + g * VL) + (load_some(inputs + g * size, left) + biases[g]);
    vf in = logistic(sums[0]), forget = logistic(sums[1]), candidate = hyperbolic(sums[2]), out = logistic(sums[3]);
    vf cell = forget * load_some(cells + at, left) + in * candidate, squashed = hyperbolic(cell);
    store_some(saved, in, left);
    store_some(saved + size, forget, left);
    store_some(saved + 2 * size, candidate, left);
    store_some(saved + 3 * size, out, left);
    store_some(saved + 4 * size, squashed, left);
    store_some(k->cells + t * state + at, cell, left);
    store_some(k->outputs + t * state + at, out * squashed, left);
    if (t == k->w->steps - 1)
      store_some(k->next_cell + at, cell, left);
  }
}

static int lstm_forward(team *t, const lstm_window *w, const float *inputs, const float *weights, const float *biases,
                        const float *hidden, const float *cell, float *outputs, float *next_cell, float *cells, float *saved) {
  recurrence k = {.w = w, .weights = weights, .depth = w->size, .panels = (w->size + VL - 1) / VL, .last = GATES,
                  .steps = w->steps, .step = forward_step, .inputs = inputs, .biases = biases, .hidden = hidden, .cell = cell,
                  .outputs = outputs, .next_cell = next_cell, .cells = cells, .saved = saved};
  return run_window(t, &k, pack_units);
}

enum { STRIP = 16 }; // inner elements that are transposed together

// pack_transposed stores the transposed rows of the units of a panel:
// [inner element][units].
static void pack_transposed(void *argument, int64_t panel, int thread) {
  (void)thread;
  const recurrence *k = argument;
  int64_t unit = panel * PANEL_UNITS, units = (panel == k->panels - 1 ? k->last : 4) * VL;
  for (int64_t d = 0; d < k->depth; d += STRIP) {
    int64_t n = min64(STRIP, k->depth - d);
    float *to = k->packed + panel * k->depth * PANEL_UNITS + d * units;
    for (int64_t u = 0; u < units; u++) {
      const float *from = k->weights + (unit + u) * k->depth + d;
      for (int64_t i = 0; i < n; i++)
        to[i * units + u] = unit + u < k->w->size ? from[i] : 0;
    }
  }
}

// backward_gates stores the gradients of the gates' sums of a vector of units
// of step t from what arrives at its output, and moves that of the cell.
INLINE void backward_gates(const recurrence *k, int64_t t, int64_t row, int64_t unit, int64_t left, vf d_output) {
  int64_t size = k->w->size, state = k->w->batch * size, at = row * size + unit;
  const float *saved = k->saved + t * state * SAVED + row * SAVED * size + unit;
  vf in = load_some(saved, left), forget = load_some(saved + size, left), candidate = load_some(saved + 2 * size, left);
  vf out = load_some(saved + 3 * size, left), squashed = load_some(saved + 4 * size, left);
  vf before = load_some(t == 0 ? k->cell + at : k->cells + (t - 1) * state + at, left);
  vf d_cell = load_some(k->d_cell + at, left) + d_output * out * (1.f - squashed * squashed);
  float *to = k->d_sums + t * state * GATES + row * GATES * size + unit;
  store_some(to, d_cell * candidate * in * (1.f - in), left);
  store_some(to + size, d_cell * before * forget * (1.f - forget), left);
  store_some(to + 2 * size, d_cell * in * (1.f - candidate * candidate), left);
  store_some(to + 3 * size, d_output * squashed * out * (1.f - out), left);
  store_some(k->d_cell + at, d_cell * forget, left);
}

// backward_step does the steps from the last to the first, and then one more,
// for the gradient of the hidden state before the window.
static void backward_step(const recurrence *k, int64_t step, int64_t row, int64_t rows, int64_t panel, int64_t next) {
  int64_t size = k->w->size, state = k->w->batch * size, t = k->w->steps - 1 - step, unit = panel * PANEL_UNITS;
  float z[ROW_CHUNK * PANEL_UNITS];
  for (int64_t i = 0; t >= 0 && i < rows * SAVED; i++)
    fetch(k->saved + t * state * SAVED + (row * SAVED + i) * size + unit, min64(PANEL_UNITS, size - unit));
  if (step > 0)
    product(k, panel, k->d_sums + (t + 1) * state * GATES + row * GATES * size, GATES * size, rows, z, next);
  else
    memset(z, 0, sizeof z);
  for (int64_t m = 0; m < rows; m++)
    for (int64_t u = unit; u < min64(size, unit + PANEL_UNITS); u += VL) {
      int64_t at = (row + m) * size + u, left = size - u;
      vf arriving = load(z + m * PANEL_UNITS + u - unit);
      if (t < 0)
        store_some(k->d_hidden + at, arriving, left);
      else
        backward_gates(k, t, row + m, u, left, arriving + load_some(k->d_outputs + t * state + at, left));
    }
}

static int lstm_backward(team *t, const lstm_window *w, const float *weights, const float *cell, const float *cells,
                         const float *saved, const float *d_outputs, const float *d_next_cell, float *d_sums,
                         float *d_hidden, float *d_cell) {
  int64_t vectors = (w->size + VL - 1) / VL, panels = (vectors + 3) / 4;
  recurrence k = {.w = w, .weights = weights, .depth = GATES * w->size, .panels = panels, .last = vectors - 4 * (panels - 1),
                  .steps = w->steps + 1, .step = backward_step, .cell = cell, .cells = (float *)cells,
                  .saved = (float *)saved, .d_outputs = d_outputs, .d_sums = d_sums, .d_hidden = d_hidden, .d_cell = d_cell};
  memcpy(d_cell, d_next_cell, w->batch * w->size * sizeof *d_cell);
  return run_window(t, &k, pack_transposed);
}
