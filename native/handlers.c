// What XLA calls: each handler takes the buffers and the geometry from XLA's
// call frame and runs a kernel on XLA's own threads.

#include "handlers.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "ffi.h"
#include "kernels.h"

static ffi_error *fail(const ffi_call *call, const char *message) {
  ffi_error_create e = {sizeof e, 0, message, FFI_INTERNAL};
  return call->api->error_create(&e);
}

// failed tells whether an error came back from XLA, and frees it.
static int failed(const ffi_api *api, ffi_error *error) {
  if (!error)
    return 0;
  ffi_error_destroy e = {sizeof e, 0, error};
  api->error_destroy(&e);
  return 1;
}

// describe answers XLA's question which version of the interface a handler
// speaks: the one that it is asked in. It returns 0 when there was no question.
static int describe(const ffi_call *call) {
  ffi_metadata_extension *e = (ffi_metadata_extension *)call->extensions;
  if (!e || e->base.type != FFI_EXTENSION_METADATA)
    return 0;
  e->metadata->version.major = call->api->version.major;
  e->metadata->version.minor = call->api->version.minor;
  e->metadata->traits = 0;
  return 1;
}

typedef struct pool {
  const ffi_api *api;
  ffi_context *context;
} pool;

static int schedule(void *context, task_fn *task, void *data) {
  pool *p = context;
  ffi_schedule s = {sizeof s, 0, p->context, task, data};
  return failed(p->api, p->api->schedule(&s));
}

static team *gather(const ffi_call *call, pool *p) {
  int64_t threads = 1;
  ffi_threads n = {sizeof n, 0, call->context, &threads};
  p->api = call->api;
  p->context = call->context;
  if (failed(call->api, call->api->threads(&n)))
    threads = 1;
  executor e = {schedule, p, (int)threads};
  return team_start(&e);
}

// attribute gives the handler's only attribute, an array of integers, or NULL.
static const ffi_array *attribute(const ffi_call *call) {
  if (call->attributes.size != 1 || call->attributes.types[0] != FFI_ATTRIBUTE_ARRAY)
    return 0;
  const ffi_array *a = call->attributes.values[0];
  return a->dtype == FFI_INT64 ? a : 0;
}

// numbers gives the attribute's n integers, or NULL if it has others.
static const int64_t *numbers(const ffi_call *call, size_t n) {
  const ffi_array *a = attribute(call);
  return a && a->size == n ? a->data : 0;
}

static int has_buffers(const ffi_list *l, int64_t n) {
  if (l->size != n)
    return 0;
  for (int64_t i = 0; i < n; i++)
    if (l->buffers[i]->dtype != FFI_FLOAT32)
      return 0;
  return 1;
}

static float *argument(const ffi_call *call, int i) { return call->arguments.buffers[i]->data; }
static float *result(const ffi_call *call, int i) { return call->results.buffers[i]->data; }

static ffi_error *mismatch(const ffi_call *call) {
  return fail(call, "kafisto: a kernel was called with other arguments than it was made for");
}

// finish sends the team home and reports a kernel's status.
static ffi_error *finish(const ffi_call *call, team *t, int status) {
  if (t)
    team_end(t);
  return status == 0 ? 0 : fail(call, "kafisto: not enough memory for a kernel");
}

typedef int conv_kernel(team *, const convolution *, const float *, const float *, float *);

static ffi_error *convolve(const ffi_call *call, conv_kernel *kernel) {
  if (describe(call))
    return 0;
  const convolution *c = (const convolution *)numbers(call, sizeof *c / sizeof(int64_t));
  if (!c || !has_buffers(&call->arguments, 2) || !has_buffers(&call->results, 1))
    return mismatch(call);
  pool p;
  team *t = gather(call, &p);
  return finish(call, t, t ? kernel(t, c, argument(call, 0), argument(call, 1), result(call, 0)) : -1);
}

#define CONVOLUTION(way, product)                                                                                      \
  static ffi_error *way##_##product(ffi_call *call) { return convolve(call, best_kernels()->way.product); }
CONVOLUTION(direct, forward)
CONVOLUTION(direct, input_gradient)
CONVOLUTION(direct, weight_gradient)
CONVOLUTION(winograd, forward)
CONVOLUTION(winograd, input_gradient)
CONVOLUTION(winograd, weight_gradient)

static ffi_error *norm_forward(ffi_call *call) {
  if (describe(call))
    return 0;
  const normalization *n = (const normalization *)numbers(call, sizeof *n / sizeof(int64_t));
  int shortcut = call->arguments.size == 4;
  if (!n || !has_buffers(&call->arguments, 3 + shortcut) || !has_buffers(&call->results, 3))
    return mismatch(call);
  pool p;
  team *t = gather(call, &p);
  return finish(call, t, !t ? -1 : best_kernels()->norm_forward(t, n, argument(call, 0), argument(call, 1), argument(call, 2),
                                                 shortcut ? argument(call, 3) : 0, result(call, 0), result(call, 1),
                                                 result(call, 2)));
}

static ffi_error *norm_backward(ffi_call *call) {
  if (describe(call))
    return 0;
  const normalization *n = (const normalization *)numbers(call, sizeof *n / sizeof(int64_t));
  int shortcut = call->arguments.size == 7;
  if (!n || !has_buffers(&call->arguments, 6 + shortcut) || !has_buffers(&call->results, 3 + shortcut))
    return mismatch(call);
  pool p;
  team *t = gather(call, &p);
  return finish(call, t, !t ? -1 : best_kernels()->norm_backward(t, n, argument(call, 0), argument(call, 1), argument(call, 2),
                                                  argument(call, 3), argument(call, 4), argument(call, 5),
                                                  shortcut ? argument(call, 6) : 0, result(call, 0), result(call, 1),
                                                  result(call, 2), shortcut ? result(call, 3) : 0));
}

static ffi_error *lstm_forward(ffi_call *call) {
  if (describe(call))
    return 0;
  const lstm_window *w = (const lstm_window *)numbers(call, sizeof *w / sizeof(int64_t));
  if (!w || !has_buffers(&call->arguments, 5) || !has_buffers(&call->results, 4))
    return mismatch(call);
  pool p;
  team *t = gather(call, &p);
  return finish(call, t, !t ? -1 : best_kernels()->lstm_forward(t, w, argument(call, 0), argument(call, 1), argument(call, 2),
                                                 argument(call, 3), argument(call, 4), result(call, 0), result(call, 1),
                                                 result(call, 2), result(call, 3)));
}

static ffi_error *lstm_backward(ffi_call *call) {
  if (describe(call))
    return 0;
  const lstm_window *w = (const lstm_window *)numbers(call, sizeof *w / sizeof(int64_t));
  if (!w || !has_buffers(&call->arguments, 6) || !has_buffers(&call->results, 3))
    return mismatch(call);
  pool p;
  team *t = gather(call, &p);
  return finish(call, t, !t ? -1 : best_kernels()->lstm_backward(t, w, argument(call, 0), argument(call, 1), argument(call, 2),
                                                  argument(call, 3), argument(call, 4), argument(call, 5),
                                                  result(call, 0), result(call, 1), result(call, 2)));
}

// has_logits says whether a list is float buffers but for the labels, which are
// number `labels`.
static int has_logits(const ffi_list *l, int64_t n, int64_t labels) {
  if (l->size != n)
    return 0;
  for (int64_t i = 0; i < n; i++)
    if (l->buffers[i]->dtype != (i == labels ? FFI_INT32 : FFI_FLOAT32))
      return 0;
  return 1;
}

static ffi_error *cross_entropy_forward(ffi_call *call) {
  if (describe(call))
    return 0;
  const cross_entropy *c = (const cross_entropy *)numbers(call, sizeof *c / sizeof(int64_t));
  int biases = call->arguments.size == 3;
  if (!c || !has_logits(&call->arguments, 2 + biases, 1) || !has_buffers(&call->results, 3))
    return mismatch(call);
  pool p;
  team *t = gather(call, &p);
  return finish(call, t, !t ? -1 : best_kernels()->cross_entropy_forward(
                                       t, c, argument(call, 0), (const int32_t *)argument(call, 1),
                                       biases ? argument(call, 2) : 0, result(call, 0), result(call, 1), result(call, 2)));
}

static ffi_error *cross_entropy_backward(ffi_call *call) {
  if (describe(call))
    return 0;
  const cross_entropy *c = (const cross_entropy *)numbers(call, sizeof *c / sizeof(int64_t));
  int biases = call->arguments.size == 6;
  if (!c || !has_logits(&call->arguments, 5 + biases, 2) || !has_buffers(&call->results, 1 + biases))
    return mismatch(call);
  pool p;
  team *t = gather(call, &p);
  return finish(call, t, !t ? -1 : best_kernels()->cross_entropy_backward(
                                       t, c, argument(call, 0), argument(call, 1), (const int32_t *)argument(call, 2),
                                       argument(call, 3), argument(call, 4), biases ? argument(call, 5) : 0,
                                       result(call, 0), biases ? result(call, 1) : 0));
}

// layers takes the filter's layers from the only attribute, their sizes.
static filter layers(const ffi_call *call) {
  const ffi_array *a = attribute(call);
  return a ? (filter){(int64_t)a->size, a->data} : (filter){0, 0};
}

// has_layers says whether a list is `numbers` buffers of doubles and then `sets`
// times a buffer of floats a layer.
static int has_layers(const ffi_list *l, const filter *f, int64_t numbers, int64_t sets) {
  if (f->layers == 0 || l->size != numbers + sets * f->layers)
    return 0;
  for (int64_t i = 0; i < l->size; i++)
    if (l->buffers[i]->dtype != (i < numbers ? FFI_FLOAT64 : FFI_FLOAT32))
      return 0;
  return 1;
}

// set gives the layers' buffers of a set, after so many buffers of doubles.
static float **set(const ffi_list *l, const filter *f, int64_t numbers, int64_t index, float **to) {
  for (int64_t i = 0; i < f->layers; i++)
    to[i] = l->buffers[numbers + index * f->layers + i]->data;
  return to;
}

// passing is a pass over the layers in work: its team, which is NULL when there
// is no memory, and room for its sets.
typedef struct passing {
  pool pool;
  team *team;
  float **room;
} passing;

enum { MAX_SETS = 7 }; // of a handler, in and out

static void begin(const ffi_call *call, const filter *f, passing *p) {
  p->room = calloc(MAX_SETS * f->layers, sizeof *p->room);
  p->team = p->room ? gather(call, &p->pool) : 0;
}

static ffi_error *end(const ffi_call *call, passing *p, int status) {
  free(p->room);
  return finish(call, p->team, status);
}

static ffi_error *filter_predict(ffi_call *call) {
  if (describe(call))
    return 0;
  filter f = layers(call);
  int average = call->arguments.size > 1 + 2 * f.layers, moves = call->results.size > 1 + f.layers;
  if (!has_layers(&call->arguments, &f, 1, 2 + average) || !has_layers(&call->results, &f, 1, 1 + moves))
    return mismatch(call);
  passing p;
  begin(call, &f, &p);
  float **b = p.room;
  int status = -1;
  if (p.team) {
    const ffi_list *in = &call->arguments, *out = &call->results;
    int64_t n = f.layers;
    status = best_kernels()->filter_predict(
        p.team, &f, *(const double *)in->buffers[0]->data, set(in, &f, 1, 0, b), set(in, &f, 1, 1, b + n),
        average ? set(in, &f, 1, 2, b + 2 * n) : 0, set(out, &f, 1, 0, b + 3 * n),
        moves ? set(out, &f, 1, 1, b + 4 * n) : 0, out->buffers[0]->data);
  }
  return end(call, &p, status);
}

static ffi_error *filter_sums(ffi_call *call) {
  if (describe(call))
    return 0;
  filter f = layers(call);
  if (!has_layers(&call->arguments, &f, 0, 2) || !has_layers(&call->results, &f, 3, 0))
    return mismatch(call);
  passing p;
  begin(call, &f, &p);
  float **b = p.room;
  ffi_buffer **out = call->results.buffers;
  int status = p.team ? best_kernels()->filter_sums(p.team, &f, set(&call->arguments, &f, 0, 0, b),
                                               set(&call->arguments, &f, 0, 1, b + f.layers), out[0]->data, out[1]->data,
                                               out[2]->data)
                 : -1;
  return end(call, &p, status);
}

static ffi_error *filter_correct(ffi_call *call) {
  if (describe(call))
    return 0;
  filter f = layers(call);
  int average = call->results.size > 2 * f.layers;
  if (!has_layers(&call->arguments, &f, 2, 3 + average) || !has_layers(&call->results, &f, 0, 2 + average))
    return mismatch(call);
  passing p;
  begin(call, &f, &p);
  float **b = p.room;
  int status = -1;
  if (p.team) {
    const ffi_list *in = &call->arguments, *out = &call->results;
    int64_t n = f.layers;
    status = best_kernels()->filter_correct(
        p.team, &f, in->buffers[0]->data, *(const double *)in->buffers[1]->data, set(in, &f, 2, 0, b), set(in, &f, 2, 1, b + n),
        set(in, &f, 2, 2, b + 2 * n), average ? set(in, &f, 2, 3, b + 3 * n) : 0, set(out, &f, 0, 0, b + 4 * n),
        set(out, &f, 0, 1, b + 5 * n), average ? set(out, &f, 0, 2, b + 6 * n) : 0);
  }
  return end(call, &p, status);
}

static const struct {
  const char *name;
  ffi_error *(*handler)(ffi_call *);
} handlers[] = {
    {"kafisto_direct_forward", direct_forward},
    {"kafisto_direct_input_gradient", direct_input_gradient},
    {"kafisto_direct_weight_gradient", direct_weight_gradient},
    {"kafisto_winograd_forward", winograd_forward},
    {"kafisto_winograd_input_gradient", winograd_input_gradient},
    {"kafisto_winograd_weight_gradient", winograd_weight_gradient},
    {"kafisto_norm_forward", norm_forward},
    {"kafisto_norm_backward", norm_backward},
    {"kafisto_lstm_forward", lstm_forward},
    {"kafisto_lstm_backward", lstm_backward},
    {"kafisto_cross_entropy_forward", cross_entropy_forward},
    {"kafisto_cross_entropy_backward", cross_entropy_backward},
    {"kafisto_filter_predict", filter_predict},
    {"kafisto_filter_sums", filter_sums},
    {"kafisto_filter_correct", filter_correct},
};

const char *kafisto_register(const char *plugin) {
  void *library = dlopen(plugin, RTLD_LAZY | RTLD_NOLOAD);
  if (!library)
    return "its plugin is not loaded from where its path says";
  const pjrt_api *(*get)(void) = (const pjrt_api *(*)(void))dlsym(library, "GetPjrtApi");
  if (!get)
    return "its plugin is no PJRT plugin";
  pjrt_extension *e = get()->extensions;
  while (e && e->type != PJRT_EXTENSION_FFI)
    e = e->next;
  if (!e || e->struct_size < sizeof(pjrt_ffi_extension))
    return "its plugin takes no foreign functions";
  for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
    pjrt_register_handler r = {.struct_size = sizeof r,
                               .target_name = handlers[i].name,
                               .target_name_size = strlen(handlers[i].name),
                               .handler = (void *)handlers[i].handler,
                               .platform_name = "Host",
                               .platform_name_size = 4};
    if (((pjrt_ffi_extension *)e)->register_handler(&r))
      return "its plugin refuses foreign functions";
  }
  return 0;
}

const char *kafisto_instructions(void) { return best_kernels()->name; }

int kafisto_use_instructions(const char *name) { return use_kernels(name); }

void kafisto_return_memory(void) {
#ifdef __GLIBC__
  malloc_trim((size_t)1 << 40); // the end of the heap stays
#endif
}
