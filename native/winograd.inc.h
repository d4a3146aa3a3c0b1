// Convolution with 3x3 kernels and stride 1 by Winograd's minimal filtering
// F(4x4, 3x3) (Lavin and Gray, "Fast Algorithms for Convolutional Neural
// Networks", 2016): tiles of 4x4 results from tiles of 6x6 inputs by 36
// products of matrices instead of 144. Channels must be multiples of VL.
//
//   forward          Y  = A' [ (G w G') . (B' x B) ] A
//   weight gradient  dw = G' [ (B' x B) . (A dY A') ] G, summed over tiles

enum { T = 6, TT = T * T, O = 4 };

// The six functions below are the matrices B', A', A, G and G', each along one
// axis of six, four or three vectors.
INLINE void input_line(const vf d[T], vf r[T]) {
  vf a = d[4] - 4 * d[2], b = d[3] - 4 * d[1], e = d[4] - d[2], f = 2 * (d[3] - d[1]);
  r[0] = 4 * d[0] - 5 * d[2] + d[4];
  r[1] = a + b;
  r[2] = a - b;
  r[3] = e + f;
  r[4] = e - f;
  r[5] = 4 * d[1] - 5 * d[3] + d[5];
}
INLINE void output_line(const vf m[T], vf y[O]) {
  vf a = m[1] + m[2], b = m[1] - m[2], e = m[3] + m[4], f = m[3] - m[4];
  y[0] = m[0] + a + e;
  y[1] = b + 2 * f;
  y[2] = a + 4 * e;
  y[3] = b + 8 * f + m[5];
}
INLINE void adjoint_line(const vf y[O], vf m[T]) {
  vf a = y[0] + y[2], b = y[1] + y[3], e = y[0] + 4 * y[2], f = 2 * y[1] + 8 * y[3];
  m[0] = y[0];
  m[1] = a + b;
  m[2] = a - b;
  m[3] = e + f;
  m[4] = e - f;
  m[5] = y[3];
}
INLINE void kernel_line(const vf g[3], vf u[T]) {
  vf a = (g[0] + g[2]) * (-1.f / 6), b = g[1] * (1.f / 6), e = g[0] * (1.f / 24) + g[2] * (1.f / 6), f = g[1] * (1.f / 12);
  u[0] = g[0] * (1.f / 4);
  u[1] = a - b;
  u[2] = a + b;
  u[3] = e + f;
  u[4] = e - f;
  u[5] = g[2];
}
INLINE void gradient_line(const vf u[T], vf g[3]) {
  vf a = u[1] + u[2], e = u[3] + u[4];
  g[0] = u[0] * (1.f / 4) - a * (1.f / 6) + e * (1.f / 24);
  g[1] = (u[2] - u[1]) * (1.f / 6) + (u[3] - u[4]) * (1.f / 12);
  g[2] = e * (1.f / 6) - a * (1.f / 6) + u[5];
}

// winograd is one convolution in work. For the input gradient, in is dy, out
// is dx, and the kernel is turned around.
typedef struct winograd {
  const float *in, *w;
  float *out;
  int64_t n, h, w_, ci, oh, ow, co, pt, pl; // of this product
  int turned;
  int64_t th, tw, tiles, block; // tiles in height and width, in all, and of an item
  float *u;                     // transformed kernels: [36][co / PANEL][ci][PANEL]
  // Of the weight gradient only:
  const float *dy;
  float *dw, *v, *d, *du; // [36][tiles of a stretch][channels], and [36][ci][co]
  int64_t from, stretch;
  int failed;
} winograd;

static winograd make_winograd(int64_t n, int64_t h, int64_t w, int64_t ci, int64_t oh, int64_t ow, int64_t co,
                              int64_t pt, int64_t pl) {
  winograd k = {.n = n, .h = h, .w_ = w, .ci = ci, .oh = oh, .ow = ow, .co = co, .pt = pt, .pl = pl};
  k.th = (oh + O - 1) / O, k.tw = (ow + O - 1) / O, k.tiles = n * k.th * k.tw;
  return k;
}

// read_tile reads size x size pixels from (top, left), zeros outside of the
// image, of VL channels.
INLINE void read_tile(const float *image, int64_t h, int64_t w, int64_t channels, int64_t top, int64_t left, int size,
                      vf *tile) {
  if (top >= 0 && left >= 0 && top + size <= h && left + size <= w) {
    const float *p = image + (top * w + left) * channels;
    for (int y = 0; y < size; y++)
      for (int x = 0; x < size; x++)
        tile[y * size + x] = load(p + (y * w + x) * channels);
    return;
  }
  for (int y = 0; y < size; y++)
    for (int x = 0; x < size; x++) {
      int64_t r = top + y, c = left + x;
      tile[y * size + x] = r >= 0 && r < h && c >= 0 && c < w ? load(image + (r * w + c) * channels) : (vf){0};
    }
}

// transform_inputs stores B' x B of tiles first to first + count: v is
// [36][rows][ci], of which it fills count rows.
static void transform_inputs(const winograd *k, int64_t first, int64_t count, float *v, int64_t rows) {
  for (int64_t i = 0; i < count; i++) {
    int64_t q = first + i, image = q / (k->th * k->tw), ty = q / k->tw % k->th, tx = q % k->tw;
    const float *from = k->in + image * k->h * k->w_ * k->ci;
    for (int64_t c = 0; c < k->ci; c += VL) {
      vf tile[TT], half[TT];
      read_tile(from + c, k->h, k->w_, k->ci, ty * O - k->pt, tx * O - k->pl, T, tile);
      for (int y = 0; y < T; y++)
        input_line(tile + y * T, half + y * T);
      float *to = v + i * k->ci + c;
      for (int x = 0; x < T; x++) {
        vf column[T], result[T];
        UNROLL for (int y = 0; y < T; y++) column[y] = half[y * T + x];
        input_line(column, result);
        UNROLL for (int y = 0; y < T; y++) store(to + (y * T + x) * rows * k->ci, result[y]);
      }
    }
  }
}

// transform_kernel stores G w G' of VL output channels of one input channel
// into u, or of a turned kernel.
static void transform_kernel(void *argument, int64_t c, int thread) {
  (void)thread;
  winograd *k = argument;
  for (int64_t j = 0; j < k->co; j += VL) {
    vf g[9], half[18], column[3], result[T];
    for (int e = 0; e < 9; e++) {
      if (!k->turned) {
        g[e] = load(k->w + (e * k->ci + c) * k->co + j);
      } else {
        for (int v = 0; v < VL; v++)
          g[e][v] = k->w[((8 - e) * k->co + j + v) * k->ci + c];
      }
    }
    for (int x = 0; x < 3; x++) {
      for (int y = 0; y < 3; y++)
        column[y] = g[y * 3 + x];
      kernel_line(column, result);
      for (int y = 0; y < T; y++)
        half[y * 3 + x] = result[y];
    }
    float *to = k->u + j / PANEL * k->ci * PANEL + c * PANEL + j % PANEL;
    for (int y = 0; y < T; y++) {
      kernel_line(half + y * 3, result);
      for (int x = 0; x < T; x++)
        store(to + (y * T + x) * k->ci * round_up(k->co, PANEL), result[x]);
    }
  }
}

// transform_outputs stores A' m A of the tiles of a block for n channels from
// channel j: m is [36][rows][PANEL].
static void transform_outputs(const winograd *k, int64_t first, int64_t count, const float *m, int64_t rows, int64_t j,
                              int64_t n) {
  for (int64_t i = 0; i < count; i++) {
    int64_t q = first + i, image = q / (k->th * k->tw), ty = q / k->tw % k->th, tx = q % k->tw;
    int64_t height = min64(O, k->oh - ty * O), width = min64(O, k->ow - tx * O);
    float *to = k->out + ((image * k->oh + ty * O) * k->ow + tx * O) * k->co + j;
    for (int64_t c = 0; c < n; c += VL) {
      vf half[O * T], column[T], result[O];
      for (int x = 0; x < T; x++) {
        UNROLL for (int y = 0; y < T; y++) column[y] = load(m + ((y * T + x) * rows + i) * PANEL + c);
        output_line(column, result);
        UNROLL for (int y = 0; y < O; y++) half[y * T + x] = result[y];
      }
      for (int y = 0; y < height; y++) {
        output_line(half + y * T, result);
        for (int x = 0; x < width; x++)
          store(to + (y * k->ow + x) * k->co + c, result[x]);
      }
    }
  }
}

static void winograd_block(void *argument, int64_t item, int thread) {
  (void)thread;
  winograd *k = argument;
  int64_t first = item * k->block, count = min64(k->block, k->tiles - first), rows = k->block;
  float *v = scratch(0, TT * rows * k->ci * sizeof *v), *m = scratch(2, TT * rows * PANEL * sizeof *m);
  if (!v || !m) {
    k->failed = 1;
    return;
  }
  transform_inputs(k, first, count, v, rows);
  segment all = {0, k->ci};
  for (int64_t j = 0; j < k->co; j += PANEL) {
    int n = (int)min64(PANEL, k->co - j);
    for (int e = 0; e < TT; e++) {
      const float *panel = k->u + e * k->ci * round_up(k->co, PANEL) + j * k->ci;
      for (int64_t i = 0; i < count; i += ROWS) {
        const float *a[ROWS];
        float *c[ROWS];
        for (int r = 0; r < ROWS; r++) {
          int64_t row = min64(i + r, count - 1);
          a[r] = v + (e * rows + row) * k->ci;
          c[r] = m + (e * rows + row) * PANEL;
        }
        rows_by_panel((int)min64(ROWS, count - i), n, a, &all, 1, panel, c, 0);
      }
    }
    transform_outputs(k, first, count, m, rows, j, n);
  }
}

// even_blocks gives every thread the same number of blocks of about `wanted`
// tiles.
static int64_t even_blocks(int64_t tiles, int64_t wanted, int threads) {
  int64_t blocks = round_up((tiles + wanted - 1) / wanted, threads);
  return round_up((tiles + blocks - 1) / blocks, ROWS);
}

static int winograd_product(team *t, winograd *k) {
  k->u = scratch(1, TT * k->ci * round_up(k->co, PANEL) * sizeof *k->u);
  if (!k->u)
    return -1;
  team_run(t, k->ci, transform_kernel, k);
  k->block = even_blocks(k->tiles, k->ci <= 128 ? 36 : 72, team_threads(t));
  team_run(t, (k->tiles + k->block - 1) / k->block, winograd_block, k);
  return -k->failed;
}

static int winograd_forward(team *t, const convolution *c, const float *x, const float *w, float *y) {
  winograd k = make_winograd(c->n, c->h, c->w, c->ci, c->oh, c->ow, c->co, c->pt, c->pl);
  k.in = x, k.w = w, k.out = y;
  return winograd_product(t, &k);
}

static int winograd_input_gradient(team *t, const convolution *c, const float *dy, const float *w, float *dx) {
  winograd k = make_winograd(c->n, c->oh, c->ow, c->co, c->h, c->w, c->ci, 2 - c->pt, 2 - c->pl);
  k.in = dy, k.w = w, k.out = dx, k.turned = 1;
  return winograd_product(t, &k);
}

// stretch_inputs transforms a block of the inputs and of dy.
static void stretch_inputs(void *argument, int64_t item, int thread) {
  (void)thread;
  winograd *k = argument;
  int64_t end = min64(k->stretch, k->tiles - k->from), start = item * k->block, count = min64(k->block, end - start);
  if (count <= 0)
    return;
  transform_inputs(k, k->from + start, count, k->v + start * k->ci, k->stretch);
  for (int64_t i = 0; i < count; i++) {
    int64_t q = k->from + start + i, image = q / (k->th * k->tw), ty = q / k->tw % k->th, tx = q % k->tw;
    const float *from = k->dy + image * k->oh * k->ow * k->co;
    for (int64_t c = 0; c < k->co; c += VL) {
      vf tile[O * O], half[T * O], column[O], result[T];
      read_tile(from + c, k->oh, k->ow, k->co, ty * O, tx * O, O, tile);
      for (int x = 0; x < O; x++) {
        UNROLL for (int y = 0; y < O; y++) column[y] = tile[y * O + x];
        adjoint_line(column, result);
        UNROLL for (int y = 0; y < T; y++) half[y * O + x] = result[y];
      }
      float *to = k->d + (start + i) * k->co + c;
      for (int y = 0; y < T; y++) {
        adjoint_line(half + y * O, result);
        UNROLL for (int x = 0; x < T; x++) store(to + (y * T + x) * k->stretch * k->co, result[x]);
      }
    }
  }
}

// stretch_products adds a stretch to one of the 36 matrices du.
static void stretch_products(void *argument, int64_t e, int thread) {
  (void)thread;
  winograd *k = argument;
  int64_t count = min64(k->stretch, k->tiles - k->from);
  const float *v = k->v + e * k->stretch * k->ci, *d = k->d + e * k->stretch * k->co;
  float *du = k->du + e * k->ci * k->co;
  for (int64_t j = 0; j < k->co; j += PANEL)
    for (int64_t c = 0; c < k->ci; c += ROWS) {
      factors f = {v + c, d + j, 1, 1, count, 0, 0, k->ci, 0, 0, k->co};
      float *rows[ROWS];
      for (int m = 0; m < ROWS; m++)
        rows[m] = du + min64(c + m, k->ci - 1) * k->co + j;
      outer_products((int)min64(ROWS, k->ci - c), (int)min64(PANEL, k->co - j), &f, rows, k->from > 0);
    }
}

// finish_gradient stores G' du G for one input channel.
static void finish_gradient(void *argument, int64_t c, int thread) {
  (void)thread;
  winograd *k = argument;
  for (int64_t j = 0; j < k->co; j += VL) {
    vf half[3 * T], column[T], result[3];
    for (int x = 0; x < T; x++) {
      UNROLL for (int y = 0; y < T; y++) column[y] = load(k->du + ((y * T + x) * k->ci + c) * k->co + j);
      gradient_line(column, result);
      UNROLL for (int y = 0; y < 3; y++) half[y * T + x] = result[y];
    }
    for (int y = 0; y < 3; y++) {
      gradient_line(half + y * T, result);
      UNROLL for (int x = 0; x < 3; x++) store(k->dw + ((y * 3 + x) * k->ci + c) * k->co + j, result[x]);
    }
  }
}

enum { STRETCH_BYTES = 8 << 20 }; // of v and d together: they stay in the L3 cache

static int winograd_weight_gradient(team *t, const convolution *c, const float *x, const float *dy, float *dw) {
  winograd k = make_winograd(c->n, c->h, c->w, c->ci, c->oh, c->ow, c->co, c->pt, c->pl);
  k.in = x, k.dy = dy, k.dw = dw;
  int64_t tile = TT * (k.ci + k.co) * sizeof(float), most = STRETCH_BYTES / tile;
  most = most < 128 ? 128 : most;
  k.stretch = min64(k.tiles, most);
  k.block = even_blocks(k.stretch, 16, team_threads(t));
  k.v = scratch(0, TT * (k.stretch * k.ci + ROWS) * sizeof(float));
  k.d = scratch(1, TT * k.stretch * k.co * sizeof(float));
  k.du = scratch(2, TT * k.ci * k.co * sizeof(float));
  if (!k.v || !k.d || !k.du)
    return -1;
  for (k.from = 0; k.from < k.tiles; k.from += k.stretch) {
    team_run(t, (k.stretch + k.block - 1) / k.block, stretch_inputs, &k);
    team_run(t, TT, stretch_products, &k);
  }
  team_run(t, k.ci, finish_gradient, &k);
  return -k.failed;
}
