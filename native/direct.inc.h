// Convolution as matrix products of pixels and packed weights, for every
// kernel, stride and padding.

enum {
  DEPTH = 1024,       // inner elements between two visits to a result: a panel of them stays in the L2 cache
  GROUP_PIXELS = 256, // pixels that one panel serves while it is there
  MAX_SEGMENTS = 64
};

// field is a group of images laid out so that windows need no bounds: pixel
// (row, column) is at data + image * pitch + (row * width + column) * channels.
typedef struct field {
  const float *data;
  int64_t pitch, width;
} field;

// lay_out gives images first to first + count of source, [.., h, w, channels],
// with top and left zeros before and up to height x width pixels in all: the
// source itself where nothing is added, unless copy is set.
static field lay_out(const float *source, int64_t first, int64_t count, int64_t h, int64_t w, int64_t channels,
                     int64_t top, int64_t left, int64_t height, int64_t width, int copy, float *memory) {
  source += first * h * w * channels;
  if (!copy && top == 0 && left == 0 && height <= h && width <= w)
    return (field){source, h * w * channels, w};
  int64_t pitch = height * width * channels;
  // With wide paddings and strides no window may reach the image.
  int64_t above = min64(top, height), before = min64(left, width);
  int64_t rows = min64(h, height - above), columns = min64(w, width - before);
  for (int64_t i = 0; i < count; i++) {
    float *to = memory + i * pitch;
    const float *from = source + i * h * w * channels;
    memset(to, 0, above * width * channels * sizeof *to);
    for (int64_t r = 0; r < rows; r++) {
      float *line = to + (above + r) * width * channels;
      memset(line, 0, before * channels * sizeof *to);
      memcpy(line + before * channels, from + r * w * channels, columns * channels * sizeof *to);
      memset(line + (before + columns) * channels, 0, (width - before - columns) * channels * sizeof *to);
    }
    memset(to + (above + rows) * width * channels, 0, (height - above - rows) * width * channels * sizeof *to);
  }
  return (field){memory, pitch, width};
}

// grid is the pixels of a product: where their windows and their results lie.
typedef struct grid {
  int64_t images, rows, columns;
  const float *a;
  int64_t a_image, a_row, a_column;
  float *c;
  int64_t c_image, c_row, c_column;
} grid;

// multiply stores the product of the windows of all pixels with a packed
// matrix of depth x width elements over the results.
static void multiply(const grid *g, const segment *segments, int count, const float *packed, int64_t width) {
  int64_t depth = 0, pixels = g->images * g->rows * g->columns;
  for (int s = 0; s < count; s++)
    depth += segments[s].length;
  for (int64_t j = 0; j < width; j += PANEL) {
    const float *panel = packed + j * depth;
    for (int first = 0, last; first < count; first = last) {
      int64_t rows = 0;
      for (last = first; last < count && (last == first || rows + segments[last].length <= DEPTH); last++)
        rows += segments[last].length;
      int64_t image = 0, row = 0, column = 0;
      for (int64_t q = 0; q < pixels; q += ROWS) {
        const float *a[ROWS];
        float *c[ROWS];
        int n = (int)min64(ROWS, pixels - q);
        for (int m = 0; m < ROWS; m++) {
          if (m >= n) {
            a[m] = a[0], c[m] = c[0];
            continue;
          }
          a[m] = g->a + image * g->a_image + row * g->a_row + column * g->a_column;
          c[m] = g->c + image * g->c_image + row * g->c_row + column * g->c_column + j;
          if (++column == g->columns) {
            column = 0;
            if (++row == g->rows)
              row = 0, image++;
          }
        }
        rows_by_panel(n, (int)min64(PANEL, width - j), a, segments + first, last - first, panel, c, first > 0);
      }
      panel += rows * PANEL;
    }
  }
}

// add_segment appends a run of the inner dimension, cut where it is too long.
static int add_segment(segment *segments, int count, int64_t offset, int64_t length) {
  for (; length > 0; length -= DEPTH, offset += DEPTH)
    segments[count++] = (segment){offset, min64(length, DEPTH)};
  return count;
}

// phase is the input pixels (iy, ix) whose distance from the padded corner is
// (ry, rx) modulo the strides, and the kernel elements that reach them.
typedef struct phase {
  int64_t ry, rx, ny, nx;             // nx: kernel columns rx, rx + sw, ...
  int64_t top, left, rows, columns;   // first pixel, and how many
} phase;

static void phase_axis(int64_t r, int64_t size, int64_t kernel, int64_t stride, int64_t padding, int64_t *taps,
                       int64_t *first, int64_t *count) {
  *taps = r < kernel ? (kernel - r + stride - 1) / stride : 0;
  *first = ((r - padding) % stride + stride) % stride;
  *count = *first < size ? (size - *first + stride - 1) / stride : 0;
}

static phase make_phase(const convolution *c, int64_t ry, int64_t rx) {
  phase p = {.ry = ry, .rx = rx};
  phase_axis(ry, c->h, c->kh, c->sh, c->pt, &p.ny, &p.top, &p.rows);
  phase_axis(rx, c->w, c->kw, c->sw, c->pl, &p.nx, &p.left, &p.columns);
  return p;
}

// direct is one direct convolution in work.
typedef struct direct {
  const convolution *c;
  const float *in, *w;
  float *out, *packed;
  int64_t group; // images of an item
  int backward, failed;
} direct;

static int64_t group_size(const convolution *c, int64_t pixels, int threads) {
  int64_t group = (GROUP_PIXELS + pixels - 1) / pixels;
  int64_t fair = (c->n + 2 * threads - 1) / (2 * threads);
  return group < fair ? group : fair < 1 ? 1 : fair;
}

// pack_forward lays out one line of the kernel's height in panels of output
// channels.
static void pack_forward(void *argument, int64_t i, int thread) {
  (void)thread;
  direct *d = argument;
  const convolution *c = d->c;
  int64_t depth = c->kh * c->kw * c->ci, line = c->kw * c->ci;
  for (int64_t j = 0; j < c->co; j += PANEL) {
    int64_t n = min64(PANEL, c->co - j);
    for (int64_t k = i * line; k < (i + 1) * line; k++) {
      float *to = d->packed + j * depth + k * PANEL;
      memcpy(to, d->w + k * c->co + j, n * sizeof *to);
      memset(to + n, 0, (PANEL - n) * sizeof *to);
    }
  }
}

static void forward_group(void *argument, int64_t i, int thread) {
  (void)thread;
  direct *d = argument;
  const convolution *c = d->c;
  int64_t first = i * d->group, count = min64(d->group, c->n - first);
  int64_t height = (c->oh - 1) * c->sh + c->kh, width = (c->ow - 1) * c->sw + c->kw;
  float *memory = scratch(0, count * height * width * c->ci * sizeof *memory);
  if (!memory) {
    d->failed = 1;
    return;
  }
  field f = lay_out(d->in, first, count, c->h, c->w, c->ci, c->pt, c->pl, height, width, 0, memory);
  segment segments[MAX_SEGMENTS];
  int n = 0;
  for (int64_t y = 0; y < c->kh; y++)
    n = add_segment(segments, n, y * f.width * c->ci, c->kw * c->ci);
  grid g = {count, c->oh, c->ow,
            f.data, f.pitch, c->sh * f.width * c->ci, c->sw * c->ci,
            d->out + first * c->oh * c->ow * c->co, c->oh * c->ow * c->co, c->ow * c->co, c->co};
  multiply(&g, segments, n, d->packed, c->co);
}

static int direct_forward(team *t, const convolution *c, const float *x, const float *w, float *y) {
  int64_t depth = c->kh * c->kw * c->ci;
  direct d = {.c = c, .in = x, .w = w, .out = y, .group = group_size(c, c->oh * c->ow, team_threads(t))};
  d.packed = scratch(1, depth * round_up(c->co, PANEL) * sizeof *d.packed);
  if (!d.packed)
    return -1;
  team_run(t, c->kh, pack_forward, &d);
  team_run(t, (c->n + d.group - 1) / d.group, forward_group, &d);
  return -d.failed;
}

// pack_phase lays out the kernel elements of a phase, the last column first,
// transposed, in panels of input channels.
static void pack_phase(const convolution *c, const phase *p, const float *w, float *packed) {
  int64_t depth = p->ny * p->nx * c->co;
  for (int64_t j = 0; j < c->ci; j += PANEL) {
    int64_t n = min64(PANEL, c->ci - j);
    float *to = packed + j * depth;
    for (int64_t a = 0; a < p->ny; a++)
      for (int64_t b = p->nx - 1; b >= 0; b--) {
        const float *from = w + (((p->ry + a * c->sh) * c->kw + p->rx + b * c->sw) * c->ci + j) * c->co;
        for (int64_t k = 0; k < c->co; k++, to += PANEL) {
          for (int64_t m = 0; m < n; m++)
            to[m] = from[m * c->co + k];
          memset(to + n, 0, (PANEL - n) * sizeof *to);
        }
      }
  }
}

// packed_phase_size is the room for any phase's packed kernel elements.
static int64_t packed_phase_size(const convolution *c) {
  return ((c->kh + c->sh - 1) / c->sh) * ((c->kw + c->sw - 1) / c->sw) * c->co * round_up(c->ci, PANEL);
}

static void pack_backward(void *argument, int64_t i, int thread) {
  (void)thread;
  direct *d = argument;
  phase p = make_phase(d->c, i / d->c->sw, i % d->c->sw);
  pack_phase(d->c, &p, d->w, d->packed + i * packed_phase_size(d->c));
}

static void backward_group(void *argument, int64_t i, int thread) {
  (void)thread;
  direct *d = argument;
  const convolution *c = d->c;
  int64_t first = i * d->group, count = min64(d->group, c->n - first);
  // dy with room for the windows that reach over its edges.
  int64_t top = (c->kh + c->sh - 1) / c->sh - 1, left = (c->kw + c->sw - 1) / c->sw - 1;
  int64_t height = top + (c->h - 1 + c->pt) / c->sh + 1, width = left + (c->w - 1 + c->pl) / c->sw + 1;
  float *memory = scratch(0, count * height * width * c->co * sizeof *memory);
  if (!memory) {
    d->failed = 1;
    return;
  }
  field f = lay_out(d->in, first, count, c->oh, c->ow, c->co, top, left, height, width, 0, memory);
  for (int64_t r = 0; r < c->sh * c->sw; r++) {
    phase p = make_phase(c, r / c->sw, r % c->sw);
    float *out = d->out + ((first * c->h + p.top) * c->w + p.left) * c->ci;
    grid g = {count, p.rows, p.columns,
              NULL, f.pitch, f.width * c->co, c->co,
              out, c->h * c->w * c->ci, c->sh * c->w * c->ci, c->sw * c->ci};
    if (p.ny * p.nx == 0) {
      for (int64_t m = 0; m < count * p.rows * p.columns; m++)
        memset(out + m / (p.rows * p.columns) * g.c_image + m / p.columns % p.rows * g.c_row + m % p.columns * g.c_column,
               0, c->ci * sizeof *out);
      continue;
    }
    int64_t u = (p.top + c->pt - p.ry) / c->sh, v = (p.left + c->pl - p.rx) / c->sw; // the pixel's own row and column in dy
    g.a = f.data + ((u + top) * f.width + v + left) * c->co;
    segment segments[MAX_SEGMENTS];
    int n = 0;
    for (int64_t a = 0; a < p.ny; a++)
      n = add_segment(segments, n, (-a * f.width - (p.nx - 1)) * c->co, p.nx * c->co);
    multiply(&g, segments, n, d->packed + r * packed_phase_size(c), c->ci);
  }
}

static int direct_input_gradient(team *t, const convolution *c, const float *dy, const float *w, float *dx) {
  direct d = {.c = c, .in = dy, .w = w, .out = dx, .group = group_size(c, c->h * c->w, team_threads(t))};
  d.packed = scratch(1, c->sh * c->sw * packed_phase_size(c) * sizeof *d.packed);
  if (!d.packed)
    return -1;
  team_run(t, c->sh * c->sw, pack_backward, &d);
  team_run(t, (c->n + d.group - 1) / d.group, backward_group, &d);
  return -d.failed;
}

// gradient is a direct weight gradient in work: each part of the batch has its
// own sum, so that the order of additions does not depend on who does what.
typedef struct gradient {
  const convolution *c;
  const float *x, *dy;
  float *dw, *sums;
  int64_t parts, group;
  int failed;
} gradient;

static void gradient_part(void *argument, int64_t part, int thread) {
  (void)thread;
  gradient *d = argument;
  const convolution *c = d->c;
  int64_t line = c->kw * c->ci, depth = c->kh * line, end = (part + 1) * c->n / d->parts;
  int64_t height = (c->oh - 1) * c->sh + c->kh, width = (c->ow - 1) * c->sw + c->kw;
  int64_t co = round_up(c->co, VL);
  float *memory = scratch(2, (d->group * height * width * c->ci + ROWS) * sizeof *memory);
  float *aligned = scratch(3, d->group * c->oh * c->ow * co * sizeof *aligned);
  if (!memory || !aligned) {
    d->failed = 1;
    return;
  }
  float *sum = d->parts == 1 ? d->dw : d->sums + part * depth * c->co;
  int add = 0;
  for (int64_t first = part * c->n / d->parts; first < end; first += d->group, add = 1) {
    int64_t count = min64(d->group, end - first);
    int copy = first + count == c->n && line % ROWS != 0; // the tiles read over the end
    field f = lay_out(d->x, first, count, c->h, c->w, c->ci, c->pt, c->pl, height, width, copy, memory);
    field g = {d->dy + first * c->oh * c->ow * c->co, c->oh * c->ow * c->co, c->ow};
    if (co != c->co) {
      for (int64_t q = 0; q < count * c->oh * c->ow; q++)
        memcpy(aligned + q * co, g.data + q * c->co, c->co * sizeof *aligned);
      g = (field){aligned, c->oh * c->ow * co, c->ow};
    }
    for (int64_t j = 0; j < c->co; j += PANEL)
      for (int64_t y = 0; y < c->kh; y++)
        for (int64_t k = 0; k < line; k += ROWS) {
          factors s = {f.data + y * f.width * c->ci + k, g.data + j, count, c->oh, c->ow,
                       f.pitch, c->sh * f.width * c->ci, c->sw * c->ci,
                       g.pitch, c->ow * co, co};
          float *rows[ROWS];
          for (int m = 0; m < ROWS; m++)
            rows[m] = sum + (y * line + min64(k + m, line - 1)) * c->co + j;
          outer_products((int)min64(ROWS, line - k), (int)min64(PANEL, c->co - j), &s, rows, add);
        }
  }
}

enum { CHUNK = 4096 };

static void add_parts(void *argument, int64_t i, int thread) {
  (void)thread;
  gradient *d = argument;
  int64_t size = d->c->kh * d->c->kw * d->c->ci * d->c->co, end = min64(size, (i + 1) * CHUNK);
  for (int64_t k = i * CHUNK; k < end; k++) {
    float sum = d->sums[k];
    for (int64_t p = 1; p < d->parts; p++)
      sum += d->sums[p * size + k];
    d->dw[k] = sum;
  }
}

static int direct_weight_gradient(team *t, const convolution *c, const float *x, const float *dy, float *dw) {
  int64_t size = c->kh * c->kw * c->ci * c->co;
  gradient d = {.c = c, .x = x, .dy = dy, .dw = dw, .parts = min64(team_threads(t), c->n),
                .group = (GROUP_PIXELS + c->oh * c->ow - 1) / (c->oh * c->ow)};
  d.group = min64(d.group, c->n);
  d.sums = scratch(1, d.parts * size * sizeof *d.sums);
  if (!d.sums)
    return -1;
  team_run(t, d.parts, gradient_part, &d);
  if (d.parts > 1)
    team_run(t, (size + CHUNK - 1) / CHUNK, add_parts, &d);
  return -d.failed;
}
