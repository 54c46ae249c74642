#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>

#include "kernel.h"

namespace pretend {
namespace {

constexpr int ANY = 0;

struct Registry {
  std::recursive_mutex mutex;
  std::map<std::pair<int, std::string>, Kernel> kernels;
  std::map<std::string, Kernel> replacements;
  bool replacing = false;
  std::set<std::string> libraries;
  int loading = ANY;
};

Registry &registry() {
  static auto *instance = new Registry;  // never destroyed, since kernels may run while the process ends
  return *instance;
}

// The architecture in NAME.sm_75.so, ANY for NAME.so.
int architectureOf(const std::filesystem::path &library) {
  const std::string suffix = library.stem().extension();
  return suffix.rfind(".sm_", 0) == 0 ? std::stoi(suffix.substr(4)) : ANY;
}

}  // namespace

std::string besideRuntime() {
  Dl_info info;
  dladdr(reinterpret_cast<void *>(&registry), &info);
  return std::filesystem::path(info.dli_fname).parent_path() / "kernels";
}

void registerKernels(const Kernel *kernels, size_t count) {
  Registry &all = registry();
  std::lock_guard lock(all.mutex);
  for (size_t i = 0; i < count; i++) {
    if (all.replacing) {
      all.replacements[kernels[i].name] = kernels[i];
    } else if (!all.kernels.emplace(std::pair(all.loading, kernels[i].name), kernels[i]).second) {
      refuse("kernel %s is in two files", kernels[i].name.c_str());
    }
  }
}

void loadKernels(int architecture, const char *directory) {
  Registry &all = registry();
  std::lock_guard lock(all.mutex);
  const std::filesystem::path from = directory ? directory : besideRuntime();
  if (!std::filesystem::is_directory(from)) refuse("no directory of kernels %s", from.c_str());
  for (const auto &entry : std::filesystem::directory_iterator(from)) {
    const std::filesystem::path &library = entry.path();
    if (library.extension() != ".so") continue;
    const int made = architectureOf(library);
    if ((made != ANY && made != architecture) || !all.libraries.insert(library).second) continue;
    all.loading = made;
    if (!dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL)) refuse("%s", dlerror());
  }
}

void replaceKernels(const char *directory) {
  Registry &all = registry();
  std::lock_guard lock(all.mutex);
  all.replacements.clear();
  if (!directory) return;
  all.replacing = true;
  for (const auto &entry : std::filesystem::directory_iterator(directory)) {
    if (!dlopen(entry.path().c_str(), RTLD_NOW | RTLD_LOCAL)) refuse("%s", dlerror());
  }
  all.replacing = false;
}

const Kernel *findKernel(int architecture, const std::string &name) {
  Registry &all = registry();
  std::lock_guard lock(all.mutex);
  const auto replacement = all.replacements.find(name);
  if (replacement != all.replacements.end()) return &replacement->second;
  for (int made : {architecture, ANY}) {
    const auto found = all.kernels.find({made, name});
    if (found != all.kernels.end()) return &found->second;
  }
  return nullptr;
}

}  // namespace pretend
