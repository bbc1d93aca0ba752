#include "serving_note.h"

#include <charconv>
#include <string_view>

namespace aeon::local {
namespace {

constexpr const char* kNoteFile = "serving";
constexpr const char* kSocketFile = "socket";
constexpr const char* kPeerSocketFile = "peer-";
constexpr std::string_view kFirstLine = "aeon serving 1";
constexpr std::string_view kProcess = "process ", kAddress = "address ", kMetrics = "metrics ";

}  // namespace

Status write_serving_note(Directory& directory, const ServingNote& note) {
  std::string text = std::string(kFirstLine) + "\n" + std::string(kProcess) + std::to_string(note.process) + "\n";
  for (const std::string& address : note.addresses) text += std::string(kAddress) + address + "\n";
  if (!note.metrics.empty()) text += std::string(kMetrics) + note.metrics + "\n";
  return directory.replace_file(kNoteFile, as_bytes(text));
}

Result<ServingNote> read_serving_note(const Directory& directory) {
  TRY_ASSIGN(const Bytes content, directory.read_file(kNoteFile));
  std::string_view text = as_text(content);
  ServingNote note;
  bool is_first = true;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (is_first && line != kFirstLine) break;
    is_first = false;
    if (line.starts_with(kProcess)) {
      const std::string_view number = line.substr(kProcess.size());
      const auto [stop, error] = std::from_chars(number.data(), number.data() + number.size(), note.process);
      if (error != std::errc() || stop != number.data() + number.size()) note.process = 0;
    } else if (line.starts_with(kAddress)) {
      note.addresses.emplace_back(line.substr(kAddress.size()));
    } else if (line.starts_with(kMetrics)) {
      note.metrics = line.substr(kMetrics.size());
    }  // What a later release says besides is nothing we need.
  }
  if (note.process <= 0) return Status(Code::kCorrupt, directory.path_of(kNoteFile) + " says nothing about a server");
  return note;
}

Status remove_serving_note(Directory& directory) {
  std::vector<std::string> files = {kNoteFile, kSocketFile};
  for (uint32_t target = 0; target < kTargetCountMax; ++target) {
    files.push_back(std::string(kSocketFile) + "-" + std::to_string(target));
    files.push_back(kPeerSocketFile + std::to_string(target));
  }
  for (const std::string& file : files) {
    if (directory.has_file(file)) TRY(directory.remove_file(file));
  }
  return ok();
}

std::string socket_of(const std::string& directory, uint32_t target) {
  const std::string number = target == 0 ? std::string() : "-" + std::to_string(target);
  return "unix:" + directory + "/" + kSocketFile + number;
}

std::string peer_socket_of(const std::string& directory, uint32_t target) {
  return "unix:" + directory + "/" + kPeerSocketFile + std::to_string(target);
}

}  // namespace aeon::local
