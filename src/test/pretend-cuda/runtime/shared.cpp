#include "shared.h"

#include <link.h>

namespace pretend {
namespace {

struct Search {
  const char *address;
  SharedVariables found;
};

// Looks into one loaded library: the loader says where this thread's copy of its thread-local variables is.
int look(dl_phdr_info *library, size_t, void *argument) {
  auto *search = static_cast<Search *>(argument);
  const auto *start = static_cast<const char *>(library->dlpi_tls_data);
  if (!start) return 0;
  for (int i = 0; i < library->dlpi_phnum; i++) {
    const ElfW(Phdr) &segment = library->dlpi_phdr[i];
    if (segment.p_type != PT_TLS || search->address < start || search->address >= start + segment.p_memsz) continue;
    search->found = {const_cast<char *>(start), segment.p_memsz};
    return 1;
  }
  return 0;
}

}  // namespace

SharedVariables sharedVariables(const Kernel &kernel) {
  Search search{static_cast<const char *>(kernel.shared()), {nullptr, 0}};
  if (dl_iterate_phdr(look, &search) == 0) refuse("no shared variables of %s", kernel.name.c_str());
  return search.found;
}

}  // namespace pretend
