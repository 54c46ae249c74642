// What a PTX text says about its kernels.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kernel.h"

namespace pretend {

struct PtxParameter {
  size_t bytes;
  bool floating;
};

struct PtxEntry {
  std::vector<PtxParameter> parameters;
  size_t sharedBytes = 0;     // of its static variables
  unsigned maximumThreads = 1024;
};

struct Ptx {
  int version = 0;  // 78 for 7.8
  int target = 0;   // 80 for sm_80
  std::map<std::string, PtxEntry> entries;
};

// Reads a text; throws std::invalid_argument for one that isn't PTX from its start to its end.
Ptx parsePtx(const std::string &text);

// Says in what a compiled kernel's parameters differ from the entry's, or nothing.
std::string difference(const PtxEntry &entry, const Kernel &kernel);

}  // namespace pretend
