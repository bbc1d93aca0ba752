#include "serving_note.h"

#include <charconv>
#include <optional>
#include <string_view>

namespace aeon::local {
namespace {

constexpr const char* kNoteFile = "serving";
constexpr const char* kSocketFile = "socket";
constexpr const char* kPeerSocketFile = "peer-";
constexpr std::string_view kFirstLine = "aeon serving 1";
constexpr std::string_view kProcess = "process ", kAddress = "address ", kEngine = "engine ";

// The number in front of `text`, and the blank behind it, which go. -1 if there is none.
int64_t take_number(std::string_view& text) {
  int64_t number = -1;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return -1;
  text.remove_prefix(static_cast<size_t>(stop - text.data()));
  if (!text.empty()) text.remove_prefix(1);
  return number;
}

std::string engine_line(const ServingEngine& engine) {
  std::string line(kEngine);
  for (const int64_t number : {int64_t{engine.rank}, engine.process, int64_t{engine.targets_begin}}) {
    line += std::to_string(number) + " ";
  }
  line += std::to_string(engine.targets_end);
  return engine.metrics.empty() ? line : line + " " + engine.metrics;
}

std::optional<ServingEngine> parse_engine(std::string_view text) {
  const int64_t rank = take_number(text), process = take_number(text), begin = take_number(text),
                end = take_number(text);
  if (rank < 0 || rank >= kTargetCountMax || process < 0 || begin < 0 || end <= begin || end > kTargetCountMax) {
    return std::nullopt;
  }
  return ServingEngine{.rank = static_cast<uint32_t>(rank),
                       .process = process,
                       .targets_begin = static_cast<uint32_t>(begin),
                       .targets_end = static_cast<uint32_t>(end),
                       .metrics = std::string(text)};
}

}  // namespace

Status write_serving_note(Directory& directory, const ServingNote& note) {
  std::string text = std::string(kFirstLine) + "\n" + std::string(kProcess) + std::to_string(note.process) + "\n";
  for (const std::string& address : note.addresses) text += std::string(kAddress) + address + "\n";
  for (const ServingEngine& engine : note.engines) text += engine_line(engine) + "\n";
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
    } else if (line.starts_with(kEngine)) {
      if (std::optional<ServingEngine> engine = parse_engine(line.substr(kEngine.size()))) {
        note.engines.push_back(std::move(*engine));
      }
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
