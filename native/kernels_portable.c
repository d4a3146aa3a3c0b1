#define VL 4
#define VECTORS 2
#define NAME "portable"
#define TABLE kernels_portable
#include "kernels.inc.h"
