#include "user_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/output.h"

namespace aeon::cli {
namespace {

Status failed(std::string_view what, const std::string& path, int error) {
  const Code code = error == ENOENT                      ? Code::kNotFound
                    : error == EACCES || error == EPERM  ? Code::kPermission
                    : error == ENOSPC || error == EDQUOT ? Code::kNoSpace
                    : error == EISDIR                    ? Code::kIsDirectory
                    : error == EROFS                     ? Code::kReadOnly
                                                         : Code::kIo;
  return Status(code, fmt::format("cannot {} {}: {}", what, printable(path), std::strerror(error)));
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int number) : number_(number) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (number_ > STDERR_FILENO) ::close(number_);
  }
  int number() const { return number_; }

 private:
  int number_;
};

Status write_all(int descriptor, const std::string& path, ByteView content) {
  while (!content.empty()) {
    const ssize_t written = ::write(descriptor, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed("write", path, errno);
    content = content.subspan(static_cast<size_t>(written));
  }
  return ok();
}

}  // namespace

Result<Bytes> read_user_file(const std::string& path, ByteCount size_max) {
  const FileDescriptor file(path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.number() < 0) return failed("read", path, errno);
  Bytes content;
  size_t size = 0;
  while (true) {
    if (size == content.size()) content.resize(std::max<size_t>(64 * kKiB, content.size() * 2));
    const ssize_t count = ::read(file.number(), content.data() + size, content.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("read", path, errno);
    if (count == 0) break;
    size += static_cast<size_t>(count);
    if (size > size_max) {
      return Status(Code::kTooBig, fmt::format("{} is larger than a value may be ({})",
                                               path == "-" ? "standard input" : printable(path), size_text(size_max)));
    }
  }
  content.resize(size);
  return content;
}

Status write_user_file(const std::string& path, ByteView content) {
  const std::string partial = fmt::format("{}.{}.part", path, ::getpid());
  Status status;
  {
    const FileDescriptor file(::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (file.number() < 0) return failed("write", path, errno);
    status = write_all(file.number(), path, content);
  }
  if (status.is_ok() && ::rename(partial.c_str(), path.c_str()) != 0) status = failed("write", path, errno);
  if (!status.is_ok()) ::unlink(partial.c_str());
  return status;
}

}  // namespace aeon::cli
