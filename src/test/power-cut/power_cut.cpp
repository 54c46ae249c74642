// A library to be preloaded: what a process has written to files below a folder and not forced to
// the device is lost when it is killed, as when the power fails. Names (created, renamed, removed)
// stay, as on a file system that journals them.
//
//   POWER_CUT_UNDER  the folder, absolute; without it nothing is done
//   POWER_CUT_AT     kill at the n-th call, before it does anything; 0 for never
//   POWER_CUT_HOW    "stop" to be stopped there instead, and lose nothing
//   POWER_CUT_LOG    a file that gets a line a call: its kind and the file
//
// Counted are writes, truncations, fsyncs and renames.

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace {

using File = std::pair<dev_t, ino_t>;

/** How to take a write back. */
struct Undo {
  File file;
  int fd;
  off_t offset;
  off_t size;
  std::vector<char> bytes;
};

std::mutex mutex;
std::vector<Undo>* undos = new std::vector<Undo>();
std::map<File, int>* opened = new std::map<File, int>();
long calls = 0;

template <typename Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

ssize_t realWrite(int fd, const void* bytes, size_t count) {
  static auto function = real<ssize_t (*)(int, const void*, size_t)>("write");
  return function(fd, bytes, count);
}

ssize_t realPwrite(int fd, const void* bytes, size_t count, off_t at) {
  static auto function = real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite64");
  return function(fd, bytes, count, at);
}

int realTruncate(int fd, off_t size) {
  static auto function = real<int (*)(int, off_t)>("ftruncate64");
  return function(fd, size);
}

const char* under() {
  static const char* folder = getenv("POWER_CUT_UNDER");
  return folder;
}

bool isBelow(const char* path) {
  size_t length = strlen(under());
  return strncmp(path, under(), length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/** The path of an open file below the folder, or "". */
std::string watched(int fd) {
  if (under() == nullptr || fd < 3) {
    return "";
  }
  char link[64];
  char path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) {
    return "";
  }
  path[length] = '\0';
  return isBelow(path) ? path : "";
}

void cut() {
  for (auto undo = undos->rbegin(); undo != undos->rend(); ++undo) {
    if (!undo->bytes.empty()) {
      realPwrite(undo->fd, undo->bytes.data(), undo->bytes.size(), undo->offset);
    }
    realTruncate(undo->fd, undo->size);
  }
  kill(getpid(), SIGKILL);
}

/** Counts a call, and ends the process if it is the one. */
void count(const char* kind, const std::string& path) {
  calls++;
  static const char* log = getenv("POWER_CUT_LOG");
  if (log != nullptr) {
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    std::string line = std::string(kind) + " " + path + "\n";
    realWrite(fd, line.data(), line.size());
    close(fd);
  }
  static long at = getenv("POWER_CUT_AT") == nullptr ? 0 : atol(getenv("POWER_CUT_AT"));
  if (calls == at) {
    const char* how = getenv("POWER_CUT_HOW");
    if (how != nullptr && strcmp(how, "stop") == 0) {
      raise(SIGSTOP);
    } else {
      cut();
    }
  }
}

bool identify(int fd, struct stat* status) {
  return fstat(fd, status) == 0 && S_ISREG(status->st_mode);
}

/** Remembers what a write will replace. */
void remember(int fd, off_t offset, size_t length) {
  struct stat status;
  if (!identify(fd, &status)) {
    return;
  }
  File file(status.st_dev, status.st_ino);
  auto known = opened->find(file);
  if (known == opened->end()) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    known = opened->emplace(file, open(link, O_RDWR | O_CLOEXEC)).first;
  }
  off_t there = offset < status.st_size ? status.st_size - offset : 0;
  std::vector<char> bytes(static_cast<size_t>(there) < length ? there : length);
  if (!bytes.empty() && pread(known->second, bytes.data(), bytes.size(), offset) < 0) {
    return;
  }
  undos->push_back({file, known->second, offset, status.st_size, std::move(bytes)});
}

void forced(int fd) {
  struct stat status;
  if (!identify(fd, &status)) {
    return;
  }
  File file(status.st_dev, status.st_ino);
  std::vector<Undo> left;
  for (Undo& undo : *undos) {
    if (undo.file != file) {
      left.push_back(std::move(undo));
    }
  }
  undos->swap(left);
}

template <typename Call>
auto written(int fd, const char* kind, off_t offset, size_t length, Call call) {
  std::string path = watched(fd);
  if (path.empty()) {
    return call();
  }
  std::lock_guard<std::mutex> lock(mutex);
  count(kind, path);
  remember(fd, offset, length);
  return call();
}

template <typename Call>
int synced(int fd, Call call) {
  std::string path = watched(fd);
  if (path.empty()) {
    return call();
  }
  std::lock_guard<std::mutex> lock(mutex);
  count("fsync", path);
  int result = call();
  if (result == 0) {
    forced(fd);
  }
  return result;
}

off_t position(int fd) {
  struct stat status;
  if (fcntl(fd, F_GETFL) & O_APPEND) {
    return fstat(fd, &status) == 0 ? status.st_size : 0;
  }
  off_t at = lseek(fd, 0, SEEK_CUR);
  return at < 0 ? 0 : at;
}

void renamed(const char* to) {
  if (under() != nullptr && isBelow(to)) {
    std::lock_guard<std::mutex> lock(mutex);
    count("rename", to);
  }
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, size_t length) {
  return written(fd, "write", position(fd), length, [=] { return realWrite(fd, bytes, length); });
}

ssize_t pwrite64(int fd, const void* bytes, size_t length, off_t at) {
  return written(fd, "write", at, length, [=] { return realPwrite(fd, bytes, length, at); });
}

ssize_t pwrite(int fd, const void* bytes, size_t length, off_t at) {
  return pwrite64(fd, bytes, length, at);
}

ssize_t writev(int fd, const struct iovec* pieces, int number) {
  static auto function = real<ssize_t (*)(int, const struct iovec*, int)>("writev");
  size_t length = 0;
  for (int i = 0; i < number; i++) {
    length += pieces[i].iov_len;
  }
  return written(fd, "write", position(fd), length, [=] { return function(fd, pieces, number); });
}

int ftruncate64(int fd, off_t size) {
  struct stat status;
  size_t lost = fstat(fd, &status) == 0 && status.st_size > size ? status.st_size - size : 0;
  return written(fd, "truncate", size, lost, [=] { return realTruncate(fd, size); });
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int fsync(int fd) {
  static auto function = real<int (*)(int)>("fsync");
  return synced(fd, [=] { return function(fd); });
}

int fdatasync(int fd) {
  static auto function = real<int (*)(int)>("fdatasync");
  return synced(fd, [=] { return function(fd); });
}

int rename(const char* from, const char* to) {
  static auto function = real<int (*)(const char*, const char*)>("rename");
  renamed(to);
  return function(from, to);
}

int renameat(int fromFolder, const char* from, int toFolder, const char* to) {
  static auto function = real<int (*)(int, const char*, int, const char*)>("renameat");
  renamed(to);
  return function(fromFolder, from, toFolder, to);
}

}  // extern "C"
