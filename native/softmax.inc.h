// Cross entropy of the softmax of [rows, classes] logits, and its gradient.

enum {
  SOFTMAX_BLOCK = 2048,  // logits of a row that stay in the L1 cache between maximum and sum
  SOFTMAX_ROWS = 32,     // of a part of the rows whose gradients for the biases are summed up in single precision
  SOFTMAX_PARTS = 64,    // at most
  SOFTMAX_COLUMNS = 1024 // whose parts one thread joins at a time
};

// exp_negative is the exponential of numbers up to about 80 to two units in the last place: a power
// of two times a polynomial on [-ln(2)/2, ln(2)/2]. It is 0 where that is no normal number, NaN of NaN.
INLINE vf exp_negative(vf x) {
  const float round = 12582912.f; // 1.5 * 2^23: integers are added to it exactly
  vf shifted = x * 1.44269504f + round, n = shifted - round;
  vi power = (((vi)shifted - (vi)splat(round)) + 127) << 23;
  vf r = x - n * 0.693359375f + n * 2.12194440e-4f;
  vf p = splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.f;
  return (vf)((vi)(p * (vf)power) & ~(x < -87.3f));
}

// softmax is one cross entropy in work.
typedef struct softmax {
  const cross_entropy *c;
  const float *logits, *biases, *adjoint;
  const int32_t *labels;
  float *losses, *largest, *sums; // [rows]
  float *d_logits, *d_biases, *parts;
  int64_t count; // of parts
} softmax;

// logit is a vector of biased logits of a row from column `at` on, of which n are left; beyond them
// it is -infinity.
INLINE vf logit(const softmax *k, const float *row, int64_t at, int64_t n) {
  if (n >= VL)
    return k->biases ? load(row + at) + load(k->biases + at) : load(row + at);
  float part[VL];
  for (int i = 0; i < VL; i++)
    part[i] = i >= n ? -__builtin_inff() : k->biases ? row[at + i] + k->biases[at + i] : row[at + i];
  return load(part);
}

static int labelled(const softmax *k, int64_t row) {
  return k->labels[row] >= 0 && k->labels[row] < k->c->classes;
}

INLINE float largest_of(vf x) {
  float largest = x[0];
  for (int i = 1; i < VL; i++)
    largest = x[i] > largest ? x[i] : largest;
  return largest;
}

// block_largest and block_sum go over the columns [first, end) of a row.
INLINE float block_largest(const softmax *k, const float *row, int64_t first, int64_t end) {
  vf most[2] = {splat(-__builtin_inff()), splat(-__builtin_inff())};
  int64_t at = first;
  for (; at + 2 * VL <= end; at += 2 * VL)
    UNROLL for (int i = 0; i < 2; i++) {
      vf x = logit(k, row, at + i * VL, VL);
      most[i] = where(x > most[i], x, most[i]);
    }
  for (; at < end; at += VL) {
    vf x = logit(k, row, at, end - at);
    most[0] = where(x > most[0], x, most[0]);
  }
  return largest_of(where(most[1] > most[0], most[1], most[0]));
}

INLINE double block_sum(const softmax *k, const float *row, int64_t first, int64_t end, float largest) {
  vf sum[2] = {0};
  int64_t at = first;
  for (; at + 2 * VL <= end; at += 2 * VL)
    UNROLL for (int i = 0; i < 2; i++) sum[i] += exp_negative(logit(k, row, at + i * VL, VL) - largest);
  for (; at < end; at += VL)
    sum[0] += exp_negative(logit(k, row, at, end - at) - largest);
  return sum_of(sum[0] + sum[1]);
}

// forward_row stores a row's loss, its largest logit and the sum of the exponentials of all less it.
// The sum is of what was read so far, and shrinks where a larger logit is found.
static void forward_row(void *argument, int64_t i, int thread) {
  (void)thread;
  softmax *k = argument;
  int64_t classes = k->c->classes;
  const float *row = k->logits + i * classes;
  float largest = -__builtin_inff();
  double sum = 0;
  for (int64_t first = 0; first < classes; first += SOFTMAX_BLOCK) {
    int64_t end = min64(classes, first + SOFTMAX_BLOCK);
    float most = block_largest(k, row, first, end);
    if (most > largest) {
      sum *= __builtin_exp((double)largest - most);
      largest = most;
    }
    sum += block_sum(k, row, first, end, largest == -__builtin_inff() ? 0 : largest);
  }
  k->largest[i] = largest;
  k->sums[i] = (float)sum;
  k->losses[i] = 0;
  if (labelled(k, i)) {
    float chosen = row[k->labels[i]] + (k->biases ? k->biases[k->labels[i]] : 0);
    k->losses[i] = (float)(__builtin_log(sum) - (double)(chosen - largest));
  }
}

static int cross_entropy_forward(team *t, const cross_entropy *c, const float *logits, const int32_t *labels,
                                 const float *biases, float *losses, float *largest, float *sums) {
  softmax k = {.c = c, .logits = logits, .labels = labels, .biases = biases,
               .losses = losses, .largest = largest, .sums = sums};
  team_run(t, c->rows, forward_row, &k);
  return 0;
}

// backward_row writes the gradient of row i, and adds it to sum, if there is one.
static void backward_row(const softmax *k, int64_t i, float *sum) {
  int64_t classes = k->c->classes;
  const float *row = k->logits + i * classes;
  float *to = k->d_logits + i * classes, adjoint = k->adjoint[i];
  if (!labelled(k, i)) {
    memset(to, 0, classes * sizeof *to);
    return;
  }
  float largest = k->largest[i], factor = adjoint / k->sums[i];
  for (int64_t at = 0; at < classes; at += VL) {
    int64_t n = classes - at;
    vf d = exp_negative(logit(k, row, at, n) - largest) * factor;
    store_some(to + at, d, n);
    if (sum)
      store_some(sum + at, load_some(sum + at, n) + d, n);
  }
  to[k->labels[i]] -= adjoint;
  if (sum)
    sum[k->labels[i]] -= adjoint;
}

static void backward_part(void *argument, int64_t part, int thread) {
  (void)thread;
  softmax *k = argument;
  float *sum = k->parts ? k->parts + part * k->c->classes : 0;
  if (sum)
    memset(sum, 0, k->c->classes * sizeof *sum);
  for (int64_t i = part * k->c->rows / k->count; i < (part + 1) * k->c->rows / k->count; i++)
    backward_row(k, i, sum);
}

static void join_biases(void *argument, int64_t i, int thread) {
  (void)thread;
  softmax *k = argument;
  for (int64_t c = i * SOFTMAX_COLUMNS; c < min64(k->c->classes, (i + 1) * SOFTMAX_COLUMNS); c++) {
    double sum = 0;
    for (int64_t p = 0; p < k->count; p++)
      sum += k->parts[p * k->c->classes + c];
    k->d_biases[c] = (float)sum;
  }
}

static int cross_entropy_backward(team *t, const cross_entropy *c, const float *adjoint, const float *logits,
                                  const int32_t *labels, const float *largest, const float *sums, const float *biases,
                                  float *d_logits, float *d_biases) {
  softmax k = {.c = c, .adjoint = adjoint, .logits = logits, .labels = labels, .largest = (float *)largest,
               .sums = (float *)sums, .biases = biases, .d_logits = d_logits, .d_biases = d_biases,
               .count = min64(SOFTMAX_PARTS, (c->rows + SOFTMAX_ROWS - 1) / SOFTMAX_ROWS)};
  if (d_biases) {
    k.parts = scratch(0, k.count * c->classes * sizeof *k.parts);
    if (!k.parts)
      return -1;
  }
  team_run(t, k.count, backward_part, &k);
  if (d_biases)
    team_run(t, (c->classes + SOFTMAX_COLUMNS - 1) / SOFTMAX_COLUMNS, join_biases, &k);
  return 0;
}
