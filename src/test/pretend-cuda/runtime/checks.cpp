// What g++'s -fsanitize=undefined,float-cast-overflow calls where a kernel does what has no defined result, on a device as
// here. Ours, so that the message names the thread.
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
  const unsigned alignment = 1u << mismatch->alignmentLog;
  pretend::refuse("%s:%u: %s access to %s at %p, of alignment %u", mismatch->location.file, mismatch->location.line,
                  address % alignment != 0 ? "misaligned" : "impossible", mismatch->type->name,
                  reinterpret_cast<void *>(address), alignment);
}

extern "C" PRETEND_EXPORT void __ubsan_handle_out_of_bounds_abort(const Bounds *bounds, uintptr_t index) {
  pretend::refuse("%s:%u: index %ld is outside of %s", bounds->location.file, bounds->location.line,
                  static_cast<long>(index), bounds->array->name);
}

// What else there is begins with its location.
#define PRETEND_UNDEFINED(check, what)                                                                  \
  extern "C" PRETEND_EXPORT void __ubsan_handle_##check##_abort(const Location *location) {             \
    pretend::refuse("%s:%u: " what, location->file, location->line);                                    \
  }
PRETEND_UNDEFINED(shift_out_of_bounds, "a shift by less than 0 or by as many bits as there are")
PRETEND_UNDEFINED(add_overflow, "a sum is beyond its type")
PRETEND_UNDEFINED(sub_overflow, "a difference is beyond its type")
PRETEND_UNDEFINED(mul_overflow, "a product is beyond its type")
PRETEND_UNDEFINED(negate_overflow, "a negated number is beyond its type")
PRETEND_UNDEFINED(divrem_overflow, "a division by 0, or a quotient beyond its type")
PRETEND_UNDEFINED(float_cast_overflow, "a number is beyond the integers that it is cast to")
PRETEND_UNDEFINED(pointer_overflow, "a pointer goes beyond all addresses")
PRETEND_UNDEFINED(load_invalid_value, "a value that its type doesn't have")
