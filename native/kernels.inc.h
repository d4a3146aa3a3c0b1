// The table of kernels of one instruction set. The including file sets VL
// (floats of a vector), VECTORS (vectors of a register tile) and TABLE.

#include "vector.inc.h"
#include "direct.inc.h"
#include "winograd.inc.h"
#include "norm.inc.h"
#include "filter.inc.h"

// suits_winograd: 3x3 with stride 1, and enough whole vectors of channels.
static int suits_winograd(const convolution *c) {
  return c->kh == 3 && c->kw == 3 && c->sh == 1 && c->sw == 1 && c->pt <= 2 && c->pl <= 2 && c->ci % VL == 0 &&
         c->co % VL == 0;
}

static int conv_forward(team *t, const convolution *c, const float *x, const float *w, float *y) {
  return (suits_winograd(c) ? winograd_forward : direct_forward)(t, c, x, w, y);
}

static int conv_input_gradient(team *t, const convolution *c, const float *dy, const float *w, float *dx) {
  return (suits_winograd(c) ? winograd_input_gradient : direct_input_gradient)(t, c, dy, w, dx);
}

static int conv_weight_gradient(team *t, const convolution *c, const float *x, const float *dy, float *dw) {
  return (suits_winograd(c) ? winograd_weight_gradient : direct_weight_gradient)(t, c, x, dy, dw);
}

static const kernels table = {NAME, conv_forward, conv_input_gradient, conv_weight_gradient, norm_forward, norm_backward,
                              filter_predict, filter_sums, filter_correct};
const kernels *TABLE(void) { return &table; }
