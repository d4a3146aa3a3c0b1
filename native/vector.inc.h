// Vectors of VL floats, VL set by the including file, and the two small matrix
// products that everything else is made of.

#include <stdint.h>
#include <string.h>

#include "kernels.h"

typedef float vf __attribute__((vector_size(VL * 4)));
typedef float vfu __attribute__((vector_size(VL * 4), aligned(4), may_alias));
typedef int vi __attribute__((vector_size(VL * 4)));

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8")

INLINE vf load(const float *p) { return (vf)*(const vfu *)p; }
INLINE void store(float *p, vf x) { *(vfu *)p = (vfu)x; }
INLINE vf splat(float x) { return x - (vf){0}; }

// where is x where the condition holds (all bits of an element set), else y.
INLINE vf where(vi condition, vf x, vf y) { return (vf)(((vi)x & condition) | ((vi)y & ~condition)); }

// load_some and store_some move the first n elements, or VL if n is more.
INLINE vf load_some(const float *p, int64_t n) {
  if (n >= VL)
    return load(p);
  float part[VL] = {0};
  memcpy(part, p, n * sizeof *p);
  return load(part);
}

INLINE void store_some(float *p, vf x, int64_t n) {
  if (n >= VL) {
    store(p, x);
    return;
  }
  float part[VL];
  store(part, x);
  memcpy(p, part, n * sizeof *p);
}

static inline int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t round_up(int64_t a, int64_t to) { return (a + to - 1) / to * to; }

enum {
  ROWS = 6,          // of a register tile
  PANEL = VECTORS * VL // its columns; packed matrices are stored in panels of that many
};

// put_tile adds the register tile acc, of nv vectors and its first `rows` rows
// and `columns` columns, to (or stores it over) the rows c.
INLINE void put_tile(int nv, int rows, int columns, vf acc[ROWS][VECTORS], float *const *c, int add) {
  for (int m = 0; m < rows; m++) {
    if (columns == nv * VL) {
      for (int v = 0; v < nv; v++)
        store(c[m] + v * VL, add ? acc[m][v] + load(c[m] + v * VL) : acc[m][v]);
    } else {
      float part[PANEL] = {0};
      for (int v = 0; v < nv; v++)
        store(part + v * VL, acc[m][v]);
      for (int j = 0; j < columns; j++)
        c[m][j] = add ? c[m][j] + part[j] : part[j];
    }
  }
}

// segment is a run of the inner dimension: the rows of the left matrix are
// contiguous within it.
typedef struct segment {
  int64_t offset; // of the run from a row's pointer
  int64_t length;
} segment;

// rows_by_panel: c[m] (+)= sum over segments s and k of a[m][offset_s + k] *
// b[row][:], where row counts through the segments' elements. b is a packed
// panel: PANEL columns, contiguous.
INLINE void rows_by_panel_n(int nv, int rows, int columns, const float *const *a, const segment *segments, int count,
                            const float *b, float *const *c, int add) {
  vf acc[ROWS][VECTORS];
  UNROLL for (int m = 0; m < ROWS; m++) UNROLL for (int v = 0; v < nv; v++) acc[m][v] = (vf){0};
  for (int s = 0; s < count; s++) {
    const float *a0 = a[0] + segments[s].offset, *a1 = a[1] + segments[s].offset, *a2 = a[2] + segments[s].offset;
    const float *a3 = a[3] + segments[s].offset, *a4 = a[4] + segments[s].offset, *a5 = a[5] + segments[s].offset;
    for (int64_t k = 0; k < segments[s].length; k++) {
      vf row[VECTORS];
      UNROLL for (int v = 0; v < nv; v++) row[v] = load(b + v * VL);
      const float e[ROWS] = {a0[k], a1[k], a2[k], a3[k], a4[k], a5[k]};
      UNROLL for (int m = 0; m < ROWS; m++) {
        vf x = splat(e[m]);
        UNROLL for (int v = 0; v < nv; v++) acc[m][v] += x * row[v];
      }
      b += PANEL;
    }
  }
  put_tile(nv, rows, columns, acc, c, add);
}

static void rows_by_panel(int rows, int columns, const float *const *a, const segment *segments, int count,
                          const float *b, float *const *c, int add) {
  switch ((columns + VL - 1) / VL) {
#if VECTORS >= 4
  case 4: rows_by_panel_n(4, rows, columns, a, segments, count, b, c, add); break;
  case 3: rows_by_panel_n(3, rows, columns, a, segments, count, b, c, add); break;
#endif
  case 2: rows_by_panel_n(2, rows, columns, a, segments, count, b, c, add); break;
  default: rows_by_panel_n(1, rows, columns, a, segments, count, b, c, add); break;
  }
}

// factors says where the two factors of a sum of outer products lie: element
// m of the left one at [image * a_image + line * a_line + step * a_step + m],
// and the same for the right one.
typedef struct factors {
  const float *a, *b;
  int64_t images, lines, steps;
  int64_t a_image, a_line, a_step;
  int64_t b_image, b_line, b_step;
} factors;

// outer_products: c[m] (+)= sum over images, lines and steps of a[m] * b[:],
// for ROWS rows m, of which the first `rows` are stored. All ROWS elements of a
// and whole vectors of b must be readable.
INLINE void outer_products_n(int nv, int rows, int columns, const factors *f, float *const *c, int add) {
  vf acc[ROWS][VECTORS];
  UNROLL for (int m = 0; m < ROWS; m++) UNROLL for (int v = 0; v < nv; v++) acc[m][v] = (vf){0};
  for (int64_t i = 0; i < f->images; i++) {
    for (int64_t l = 0; l < f->lines; l++) {
      const float *x = f->a + i * f->a_image + l * f->a_line, *y = f->b + i * f->b_image + l * f->b_line;
      for (int64_t t = 0; t < f->steps; t++) {
        vf row[VECTORS];
        UNROLL for (int v = 0; v < nv; v++) row[v] = load(y + v * VL);
        UNROLL for (int m = 0; m < ROWS; m++) {
          vf e = splat(x[m]);
          UNROLL for (int v = 0; v < nv; v++) acc[m][v] += e * row[v];
        }
        x += f->a_step;
        y += f->b_step;
      }
    }
  }
  put_tile(nv, rows, columns, acc, c, add);
}

static void outer_products(int rows, int columns, const factors *f, float *const *c, int add) {
  switch ((columns + VL - 1) / VL) {
#if VECTORS >= 4
  case 4: outer_products_n(4, rows, columns, f, c, add); break;
  case 3: outer_products_n(3, rows, columns, f, c, add); break;
#endif
  case 2: outer_products_n(2, rows, columns, f, c, add); break;
  default: outer_products_n(1, rows, columns, f, c, add); break;
  }
}
