// The kernels, compiled once for each instruction set.
#ifndef KAFISTO_KERNELS_H
#define KAFISTO_KERNELS_H

#include "team.h"

// convolution is the geometry of a two-dimensional cross-correlation: images
// are [batch, height, width, channels], weights [kernel height, kernel width,
// channels in, channels out]. The field order is that of Conv.geometry in Go.
typedef struct convolution {
  int64_t n;           // batch
  int64_t h, w, ci;    // input
  int64_t oh, ow, co;  // output
  int64_t kh, kw;      // kernel
  int64_t sh, sw;      // strides
  int64_t pt, pl;      // zeros added above and to the left; below and to the right as oh and ow need
} convolution;

// normalization is a batch normalisation of [rows, channels], see nn.BatchNorm.
// The field order is that of Norm.geometry in Go.
typedef struct normalization {
  int64_t rows, channels;
  int64_t epsilon; // in billionths
  int64_t relu;    // whether the rectifier follows
} normalization;

// lstm_window is what the recurrent part of an LSTM layer runs over, see
// nn.LSTM. The field order is that of LSTM.geometry in Go.
typedef struct lstm_window {
  int64_t steps, batch, size;
} lstm_window;

// cross_entropy is the cross entropy of [rows, classes] logits with a label a
// row. The field order is that of CrossEntropy.geometry in Go.
typedef struct cross_entropy {
  int64_t rows, classes;
} cross_entropy;

// filter is the layers that KaFiStO trains: numbers of parameters. The sizes
// are Filter.sizes in Go.
typedef struct filter {
  int64_t layers;
  const int64_t *sizes;
} filter;

// Each kernel returns 0, or a negative number when there is no memory.

// convolution_kernels are one way to compute the three products.
typedef struct convolution_kernels {
  // y = x * w
  int (*forward)(team *t, const convolution *c, const float *x, const float *w, float *y);
  // dx, the gradient of sum(y * dy) with respect to x
  int (*input_gradient)(team *t, const convolution *c, const float *dy, const float *w, float *dx);
  // dw, the same with respect to w
  int (*weight_gradient)(team *t, const convolution *c, const float *x, const float *dy, float *dw);
} convolution_kernels;

typedef struct kernels {
  const char *name;
  convolution_kernels direct;   // any geometry
  convolution_kernels winograd; // 3x3 kernels, stride 1, padding at most 2, channels a multiple of 16
  // y = relu((x - mean) / deviation * scale + offset + shortcut), with the rows'
  // mean and biased variance; shortcut may be NULL.
  int (*norm_forward)(team *t, const normalization *n, const float *x, const float *scale, const float *offset,
                      const float *shortcut, float *y, float *mean, float *variance);
  // Its gradients; y is needed, and d_shortcut given, where there is a shortcut.
  int (*norm_backward)(team *t, const normalization *n, const float *dy, const float *x, const float *mean,
                       const float *variance, const float *scale, const float *offset, const float *y, float *dx,
                       float *d_scale, float *d_offset, float *d_shortcut);
  // A window of an LSTM layer from the inputs' part of its gates, [steps, batch,
  // 4 size]: outputs and cells, [steps, batch, size], the last cell, and what
  // backward needs besides, [steps, batch, 5 size].
  int (*lstm_forward)(team *t, const lstm_window *w, const float *inputs, const float *weights, const float *biases,
                      const float *hidden, const float *cell, float *outputs, float *next_cell, float *cells, float *saved);
  // Its gradients by the gates' sums and the state before the window, from those that
  // arrive at the outputs and the last cell.
  int (*lstm_backward)(team *t, const lstm_window *w, const float *weights, const float *cell, const float *cells,
                       const float *saved, const float *d_outputs, const float *d_next_cell, float *d_sums,
                       float *d_hidden, float *d_cell);
  // losses = -log softmax(logits + biases)[label], 0 where the label is out of
  // range, with each row's largest number and the sum of the exponentials of
  // all less it; biases may be NULL.
  int (*cross_entropy_forward)(team *t, const cross_entropy *c, const float *logits, const int32_t *labels,
                               const float *biases, float *losses, float *largest, float *sums);
  // The gradients of sum(losses * adjoint); d_logits may be the logits' own
  // memory, d_biases is given where there are biases.
  int (*cross_entropy_backward)(team *t, const cross_entropy *c, const float *adjoint, const float *logits,
                                const int32_t *labels, const float *largest, const float *sums, const float *biases,
                                float *d_logits, float *d_biases);
  // KaFiStO's prediction: next_average = beta average + (1 - beta) x, if there
  // is one to be written; distances, one a layer, of (x - the newest average)^2,
  // if there is any; next_x = x + p. Outputs may be the inputs' own memory.
  int (*filter_predict)(team *t, const filter *f, double beta, float *const *x, float *const *p, float *const *average,
                        float *const *next_x, float *const *next_average, double *distances);
  // Sums over each layer of g g, g x and x x.
  int (*filter_sums)(team *t, const filter *f, float *const *g, float *const *x, double *gg, double *gx, double *xx);
  // KaFiStO's correction along d = g + decay x: next_x = x - gain d - shrink x;
  // next_p = velocity_decay p - velocity_gain d; next_average = smoothing average
  // + (1 - smoothing) next_x, where there is one. factors are gain, velocity_gain,
  // smoothing, shrink and decay, each one a layer.
  int (*filter_correct)(team *t, const filter *f, const double *factors, double velocity_decay, float *const *g,
                        float *const *x, float *const *p, float *const *average, float *const *next_x,
                        float *const *next_p, float *const *next_average);
} kernels;

// The kernels for each instruction set; NULL where the compiler has none.
const kernels *kernels_avx512(void);
const kernels *kernels_avx2(void);
const kernels *kernels_portable(void);

// best_kernels are the fastest that this processor can run, or those of the last
// use_kernels.
const kernels *best_kernels(void);

// use_kernels makes the kernels of the named instruction set the best from now
// on, for tests. It returns 0 where this processor or compiler has none.
int use_kernels(const char *name);

#endif
