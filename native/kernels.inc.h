// The table of kernels of one instruction set. The including file sets VL
// (floats of a vector), VECTORS (vectors of a register tile) and TABLE.

#include "vector.inc.h"
#include "direct.inc.h"
#include "winograd.inc.h"
#include "norm.inc.h"
#include "logistic.inc.h"
#include "lstm.inc.h"
#include "filter.inc.h"
#include "softmax.inc.h"

static const kernels table = {NAME,
                              {direct_forward, direct_input_gradient, direct_weight_gradient},
                              {winograd_forward, winograd_input_gradient, winograd_weight_gradient},
                              norm_forward,
                              norm_backward,
                              lstm_forward,
                              lstm_backward,
                              cross_entropy_forward,
                              cross_entropy_backward,
                              filter_predict,
                              filter_sums,
                              filter_correct};
const kernels *TABLE(void) { return &table; }
