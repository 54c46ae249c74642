// What g++'s -fsanitize=alignment,bounds calls when an address isn't a multiple of its type's alignment, or an index is
// outside of an array. Ours, so that the message names the thread.
#include <cstdint>

#include "thread.h"

namespace {

struct Location {
  const char *file;
  unsigned line, column;
};

struct Type {
  uint16_t kind, info;
  char name[1];
};

struct Mismatch {
  Location location;
  const Type *type;
  unsigned char alignmentLog;
  unsigned char check;
};

struct Bounds {
  Location location;
  const Type *array, *index;
};

}  // namespace

extern "C" PRETEND_EXPORT void __ubsan_handle_type_mismatch_v1_abort(const Mismatch *mismatch, uintptr_t address) {
  pretend::refuse("%s:%u: misaligned access to %s at %p, which is no multiple of %u", mismatch->location.file,
                  mismatch->location.line, mismatch->type->name, reinterpret_cast<void *>(address),
                  1u << mismatch->alignmentLog);
}

extern "C" PRETEND_EXPORT void __ubsan_handle_out_of_bounds_abort(const Bounds *bounds, uintptr_t index) {
  pretend::refuse("%s:%u: index %ld is outside of %s", bounds->location.file, bounds->location.line,
                  static_cast<long>(index), bounds->array->name);
}
