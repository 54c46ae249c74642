// Twins of CUDA's atomics. Blocks run on several host threads, so these are atomics too. None for floats: their
// order would show in the result.
#pragma once

// Atomics of a device order nothing but themselves.
#ifdef __SANITIZE_THREAD__
#define PRETEND_ORDER __ATOMIC_RELAXED
#else
#define PRETEND_ORDER __ATOMIC_SEQ_CST
#endif

namespace pretend {
template <class T, class Change>
T atomicChange(T *address, Change change) {
  T old = __atomic_load_n(address, PRETEND_ORDER);
  while (!__atomic_compare_exchange_n(address, &old, change(old), false, PRETEND_ORDER, PRETEND_ORDER)) {
  }
  return old;
}
}  // namespace pretend

#define PRETEND_ATOMICS(type)                                                                                      \
  inline type atomicAdd(type *address, type value) { return __atomic_fetch_add(address, value, PRETEND_ORDER); } \
  inline type atomicOr(type *address, type value) { return __atomic_fetch_or(address, value, PRETEND_ORDER); }   \
  inline type atomicAnd(type *address, type value) { return __atomic_fetch_and(address, value, PRETEND_ORDER); } \
  inline type atomicXor(type *address, type value) { return __atomic_fetch_xor(address, value, PRETEND_ORDER); } \
  inline type atomicExch(type *address, type value) { return __atomic_exchange_n(address, value, PRETEND_ORDER); } \
  inline type atomicMin(type *address, type value) {                                                               \
    return pretend::atomicChange(address, [=](type old) { return min(old, value); });                         \
  }                                                                                                                \
  inline type atomicMax(type *address, type value) {                                                               \
    return pretend::atomicChange(address, [=](type old) { return max(old, value); });                         \
  }                                                                                                                \
  inline type atomicCAS(type *address, type compare, type value) {                                                 \
    __atomic_compare_exchange_n(address, &compare, value, false, PRETEND_ORDER, PRETEND_ORDER);              \
    return compare;                                                                                                \
  }

PRETEND_ATOMICS(int)
PRETEND_ATOMICS(unsigned)
PRETEND_ATOMICS(unsigned long long)
#undef PRETEND_ATOMICS
