#include "ptx.h"

#include <algorithm>
#include <regex>
#include <stdexcept>

namespace pretend {
namespace {

using Matches = std::sregex_iterator;

// The matches of a pattern that begins with a word: regex alone takes six times as long, 0.3 s for all of the PTX.
std::vector<std::smatch> matchesFrom(const std::string &text, const char *word, const std::regex &pattern) {
  std::vector<std::smatch> found;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    std::smatch match;
    const auto from = text.begin() + static_cast<std::ptrdiff_t>(at);
    if (std::regex_search(from, text.end(), match, pattern, std::regex_constants::match_continuous)) found.push_back(match);
  }
  return found;
}

int versionOf(const std::string &text) {
  std::smatch match;
  if (!std::regex_search(text, match, std::regex(R"(\.version\s+(\d+)\.(\d+))"))) {
    throw std::invalid_argument("no .version");
  }
  return std::stoi(match[1]) * 10 + std::stoi(match[2]);
}

int targetOf(const std::string &text) {
  std::smatch match;
  if (!std::regex_search(text, match, std::regex(R"(\.target\s+sm_(\d+))"))) {
    throw std::invalid_argument("no .target");
  }
  return std::stoi(match[1]);
}

std::vector<PtxParameter> parametersOf(const std::string &list) {
  static const std::regex PARAMETER(R"(\.param((?:\s+\.\w+(?:\s+\d+)?)*)\s+\w+(?:\[(\d+)\])?)");
  static const std::regex TYPE(R"(\.([usbf])(8|16|32|64)\b)");
  std::vector<PtxParameter> parameters;
  for (Matches each(list.begin(), list.end(), PARAMETER), end; each != end; ++each) {
    const std::string words = (*each)[1];
    std::smatch type;
    if (!std::regex_search(words, type, TYPE)) throw std::invalid_argument("a .param without a type");
    const size_t elements = (*each)[2].matched ? std::stoul((*each)[2]) : 1;
    parameters.push_back({std::stoul(type[2]) / 8 * elements, type[1] == "f"});
  }
  return parameters;
}

// Where the body that starts with the brace at `open` ends.
size_t endOfBody(const std::string &text, size_t open) {
  int depth = 0;
  for (size_t i = open; i < text.size(); i++) {
    depth += text[i] == '{' ? 1 : text[i] == '}' ? -1 : 0;
    if (depth == 0) return i + 1;
  }
  throw std::invalid_argument("a body that doesn't end");
}

struct SharedVariable {
  std::string name;
  size_t alignment;
  size_t bytes;  // none for what a launch adds
};

std::vector<SharedVariable> sharedVariables(const std::string &text) {
  static const std::regex SHARED(R"(\.shared\s+(?:\.align\s+(\d+)\s+)?\.[usbf](\d+)\s+([\w$]+)(\[(\d*)\])?;)");
  std::vector<SharedVariable> variables;
  for (const std::smatch &match : matchesFrom(text, ".shared", SHARED)) {
    const size_t element = std::stoul(match[2]) / 8;
    const size_t elements = !match[4].matched ? 1 : match[5].length() == 0 ? 0 : std::stoul(match[5]);
    variables.push_back({match[3], match[1].matched ? std::stoul(match[1]) : element, element * elements});
  }
  return variables;
}

size_t roundedUp(size_t value, size_t alignment) { return (value + alignment - 1) / alignment * alignment; }

// The bytes before what a launch adds, as ptxas lays them out: the most aligned first.
size_t sharedBytes(const std::string &body, const std::vector<SharedVariable> &variables) {
  size_t bytes = 0, alignment = 1;
  for (const SharedVariable &each : variables) {
    if (body.find(each.name) == std::string::npos) continue;
    bytes = roundedUp(bytes, each.alignment) + each.bytes;
    if (each.bytes == 0) alignment = each.alignment;
  }
  return roundedUp(bytes, alignment);
}

unsigned maximumThreads(const std::string &directives) {
  std::smatch match;
  if (!std::regex_search(directives, match, std::regex(R"(\.maxntid\s+(\d+)(?:\s*,\s*(\d+))?(?:\s*,\s*(\d+))?)"))) {
    return 1024;
  }
  unsigned threads = 1;
  for (int i = 1; i <= 3; i++) threads *= match[i].matched ? std::stoul(match[i]) : 1;
  return threads;
}

}  // namespace

Ptx parsePtx(const std::string &text) {
  static const std::regex ENTRY(R"(\.entry\s+([\w$]+)\s*(?:\(([^)]*)\))?([^{]*)\{)");
  static const std::regex REST(R"((\s|//[^\n]*)*)");
  Ptx ptx;
  ptx.version = versionOf(text);
  ptx.target = targetOf(text);
  std::vector<SharedVariable> shared = sharedVariables(text);
  std::stable_sort(shared.begin(), shared.end(),
                   [](const auto &a, const auto &b) { return a.alignment > b.alignment; });
  for (const std::smatch &each : matchesFrom(text, ".entry", ENTRY)) {
    const size_t open = static_cast<size_t>(each[0].second - text.begin()) - 1;
    const std::string body = text.substr(open, endOfBody(text, open) - open);
    PtxEntry entry;
    entry.parameters = parametersOf(each[2]);
    entry.maximumThreads = maximumThreads(each[3]);
    entry.sharedBytes = sharedBytes(body, shared);
    ptx.entries.emplace(each[1], entry);
  }
  const size_t last = text.find_last_of("};");
  if (last == std::string::npos || !std::regex_match(text.substr(last + 1), REST)) {
    throw std::invalid_argument("something follows the text: is it not ended by a zero byte?");
  }
  return ptx;
}

std::string difference(const PtxEntry &entry, const Kernel &kernel) {
  if (entry.parameters.size() != kernel.parameters.size()) {
    return std::to_string(entry.parameters.size()) + " parameters in PTX, " +
           std::to_string(kernel.parameters.size()) + " in the source";
  }
  for (size_t i = 0; i < entry.parameters.size(); i++) {
    const PtxParameter &there = entry.parameters[i];
    const Parameter &here = kernel.parameters[i];
    if (there.bytes != here.bytes || there.floating != here.floating) {
      return "parameter " + std::to_string(i) + " has " + std::to_string(there.bytes) + " bytes in PTX, " +
             std::to_string(here.bytes) + " in the source, or is floating in one only";
    }
  }
  return "";
}

}  // namespace pretend
