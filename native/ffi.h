// The part of two public C interfaces of OpenXLA that calling a kernel from a
// compiled program needs, declared from their documentation: XLA's foreign
// function interface (xla/ffi/api/c_api.h, version 0.3 and 0.4) and the PJRT
// extension that registers its handlers (pjrt_c_api_ffi_extension.h). Only
// fields up to the last one used are declared.
#ifndef KAFISTO_FFI_H
#define KAFISTO_FFI_H

#include <stddef.h>
#include <stdint.h>

// PJRT

typedef struct pjrt_extension {
  size_t struct_size;
  int32_t type;
  struct pjrt_extension *next;
} pjrt_extension;

enum { PJRT_EXTENSION_FFI = 5 };

typedef struct pjrt_error pjrt_error;

// pjrt_api is the head of PJRT_Api.
typedef struct pjrt_api {
  size_t struct_size;
  pjrt_extension *extensions;
} pjrt_api;

typedef struct pjrt_register_handler {
  size_t struct_size;
  const char *target_name;
  size_t target_name_size;
  void *handler;
  const char *platform_name;
  size_t platform_name_size;
  int32_t traits;
} pjrt_register_handler;

typedef struct pjrt_ffi_extension {
  pjrt_extension base;
  void *type_register;
  void *user_data_add;
  pjrt_error *(*register_handler)(pjrt_register_handler *);
} pjrt_ffi_extension;

// XLA's foreign function interface

typedef struct ffi_extension {
  size_t struct_size;
  int32_t type;
  struct ffi_extension *next;
} ffi_extension;

enum { FFI_EXTENSION_METADATA = 1 };

typedef struct ffi_version {
  size_t struct_size;
  ffi_extension *extensions;
  int32_t major, minor;
} ffi_version;

typedef struct ffi_metadata {
  size_t struct_size;
  ffi_version version;
  uint32_t traits;
} ffi_metadata;

typedef struct ffi_metadata_extension {
  ffi_extension base;
  ffi_metadata *metadata;
} ffi_metadata_extension;

enum { FFI_INT32 = 4, FFI_INT64 = 5, FFI_FLOAT32 = 11, FFI_FLOAT64 = 12 };

typedef struct ffi_buffer {
  size_t struct_size;
  ffi_extension *extensions;
  int32_t dtype;
  void *data;
  int64_t rank;
  int64_t *dims;
} ffi_buffer;

typedef struct ffi_array {
  int32_t dtype;
  size_t size;
  void *data;
} ffi_array;

enum { FFI_ATTRIBUTE_ARRAY = 1 };

typedef struct ffi_list { // arguments and results: buffers
  size_t struct_size;
  ffi_extension *extensions;
  int64_t size;
  int32_t *types;
  ffi_buffer **buffers;
} ffi_list;

typedef struct ffi_attributes {
  size_t struct_size;
  ffi_extension *extensions;
  int64_t size;
  int32_t *types;
  void **names;
  void **values;
} ffi_attributes;

typedef struct ffi_error ffi_error;
typedef struct ffi_context ffi_context;

typedef struct ffi_error_create {
  size_t struct_size;
  ffi_extension *extensions;
  const char *message;
  int32_t code;
} ffi_error_create;

typedef struct ffi_error_destroy {
  size_t struct_size;
  ffi_extension *extensions;
  ffi_error *error;
} ffi_error_destroy;

typedef struct ffi_schedule {
  size_t struct_size;
  ffi_extension *extensions;
  ffi_context *context;
  void (*task)(void *);
  void *data;
} ffi_schedule;

typedef struct ffi_threads {
  size_t struct_size;
  ffi_extension *extensions;
  ffi_context *context;
  int64_t *threads;
} ffi_threads;

enum { FFI_INTERNAL = 13 };

typedef struct ffi_api {
  size_t struct_size;
  ffi_extension *extensions;
  ffi_version version;
  const void *internal;
  ffi_error *(*error_create)(ffi_error_create *);
  void *error_message;
  void (*error_destroy)(ffi_error_destroy *);
  void *handler_register;
  void *stream_get;
  void *type_register;
  void *context_get;
  void *state_set, *state_get;
  void *memory_allocate, *memory_free;
  ffi_error *(*schedule)(ffi_schedule *);
  ffi_error *(*threads)(ffi_threads *);
} ffi_api;

typedef struct ffi_call {
  size_t struct_size;
  ffi_extension *extensions;
  const ffi_api *api;
  ffi_context *context;
  int32_t stage;
  ffi_list arguments;
  ffi_list results;
  ffi_attributes attributes;
} ffi_call;

#endif
