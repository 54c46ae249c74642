// Included after a kernel file by the wrapper that build.sh writes: makes a table entry from a kernel's type.
#pragma once

#include <type_traits>
#include <utility>

#include "kernel.h"

namespace pretend {
namespace {

thread_local char sharedAnchor;

void *sharedAddress() { return &sharedAnchor; }

template <class T>
constexpr size_t pointeeAlignment() {
  if constexpr (!std::is_pointer_v<T>) {
    return 0;
  } else if constexpr (std::is_void_v<std::remove_pointer_t<T>>) {
    return 1;
  } else {
    return alignof(std::remove_pointer_t<T>);
  }
}

template <class T>
constexpr Parameter parameter() {
  return {sizeof(T), alignof(T), std::is_floating_point_v<T>, pointeeAlignment<T>()};
}

template <auto function>
struct Caller;

template <class... A, void (*function)(A...)>
struct Caller<function> {
  template <size_t... I>
  static void spread(void **arguments, std::index_sequence<I...>) {
    function(*static_cast<std::remove_cv_t<A> *>(arguments[I])...);
  }
  static void call(void **arguments) { spread(arguments, std::index_sequence_for<A...>{}); }
  static Kernel describe(const char *name) { return {name, &call, {parameter<std::remove_cv_t<A>>()...}, &sharedAddress}; }
};

}  // namespace
}  // namespace pretend

#define PRETEND_KERNEL(name) pretend::Caller<&name>::describe(#name)
