#include "resources.h"

#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <vector>

#include "kernel.h"

namespace pretend {
namespace {

using Tables = std::map<std::string, std::map<int, Resources>>;

// Lines are "| kernel | sm_75 | ..." and "| `name` | registers / shared / stack bytes / spills bytes | ...", the last two where
// there are any; a cell is empty where an architecture doesn't have the kernel.
Tables read() {
  const std::string path = besideRuntime() + "/RESOURCES.md";
  std::ifstream file(path);
  if (!file) refuse("no table %s", path.c_str());
  Tables tables;
  std::vector<int> architectures;
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("| ", 0) != 0) continue;
    std::istringstream cells(line.substr(2));
    std::string name, cell;
    std::getline(cells, name, '|');
    const bool header = name[0] != '`';
    if (header) architectures.clear();
    for (size_t i = 0; std::getline(cells, cell, '|'); i++) {
      if (header) {
        architectures.push_back(std::stoi(cell.substr(4)));
      } else if (cell != "  ") {
        const size_t stack = cell.find("stack ");
        Resources &needs = tables[name.substr(1, name.rfind('`') - 1)][architectures.at(i)];
        needs.registers = std::stoul(cell);
        if (stack != std::string::npos) needs.stackBytes = std::stoul(cell.substr(stack + 6));
      }
    }
  }
  return tables;
}

}  // namespace

Resources resourcesOf(const std::string &kernel, int capability) {
  static const Tables tables = read();
  const auto found = tables.find(kernel);
  if (found == tables.end()) return {};
  const auto beyond = found->second.upper_bound(capability);
  return beyond == found->second.begin() ? Resources() : std::prev(beyond)->second;
}

}  // namespace pretend
