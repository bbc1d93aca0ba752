// verify_tree: walks both sides in byte order.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <set>

#include "tree.h"

namespace aeon::transfer {

namespace {

class Verifier {
 public:
  Verifier(Tree& a, Tree& b, const VerifyOptions& options, const ProgressCallback& callback)
      : a_(a), b_(b), options_(options), callback_(callback) {}

  Result<Verification> run(const std::string& path_a, const std::string& path_b) {
    TRY_ASSIGN(const Meta a, a_.stat(path_a));
    TRY_ASSIGN(const Meta b, b_.stat(path_b));
    std::vector<Pair> stack = {{path_a, path_b, a, b}};
    while (!stack.empty()) {
      const Pair pair = std::move(stack.back());
      stack.pop_back();
      const Status compared = compare(pair, stack);
      if (!compared.is_ok()) differ(pair.path_a, compared.to_string());
      if (!report_progress(false)) return Status(Code::kCanceled, "the comparison was stopped");
    }
    static_cast<void>(report_progress(true));
    return std::move(result_);
  }

 private:
  struct Pair {
    std::string path_a;
    std::string path_b;
    Meta a;
    Meta b;
  };

  void differ(const std::string& path, std::string what) {
    ++result_.difference_count;
    if (result_.differences.size() < options_.differences_named_max)
      result_.differences.push_back({path, std::move(what)});
  }

  bool report_progress(bool is_last) {
    if (!callback_) return true;
    const auto now = std::chrono::steady_clock::now();  // lint: ok how often a person sees progress
    if (!is_last && now - last_report_ < std::chrono::milliseconds(50)) return true;
    last_report_ = now;
    return callback_(progress_);
  }

  template <typename T>
  void compare_number(const Pair& pair, const char* what, T a, T b, int base = 10) {
    if (a == b) return;
    const auto text = [base](T value) {
      if (base != 8) return std::to_string(value);
      char octal[16];
      std::snprintf(octal, sizeof octal, "%04o", static_cast<unsigned>(value));
      return std::string(octal);
    };
    differ(pair.path_a, std::string(what) + " " + text(a) + " and " + text(b));
  }

  Status compare(const Pair& pair, std::vector<Pair>& stack) {
    ++result_.nodes;
    ++progress_.nodes_done;
    progress_.current = pair.path_a;
    if (pair.a.type != pair.b.type) {
      differ(pair.path_a, "of another type");
      return ok();
    }
    const bool is_symlink = pair.a.type == dfs::NodeType::kSymlink;
    if (!is_symlink) compare_number(pair, "mode", pair.a.permissions, pair.b.permissions, 8);
    if (options_.compare_owner) {
      compare_number(pair, "owner", pair.a.user, pair.b.user);
      compare_number(pair, "group", pair.a.group, pair.b.group);
    }
    if (options_.compare_times) compare_number(pair, "modify time", pair.a.modify_ns, pair.b.modify_ns);
    compare_number(pair, "device", pair.a.device, pair.b.device);
    if (options_.compare_xattrs) {
      TRY_ASSIGN(const auto xattrs_a, a_.xattrs(pair.path_a));
      TRY_ASSIGN(const auto xattrs_b, b_.xattrs(pair.path_b));
      if (xattrs_a != xattrs_b) differ(pair.path_a, "extended attributes");
    }
    if (pair.a.type == dfs::NodeType::kDirectory) return compare_directory(pair, stack);
    // Which names are links of one file: the first of either side must have led to the first of the other.
    if (pair.a.link_count > 1 || pair.b.link_count > 1) {
      const auto [to_b, is_new_a] = links_a_.try_emplace(pair.a.identity, pair.b.identity);
      const auto [to_a, is_new_b] = links_b_.try_emplace(pair.b.identity, pair.a.identity);
      if (to_b->second != pair.b.identity || to_a->second != pair.a.identity) {
        differ(pair.path_a, "a link of another file");
      } else if (!is_new_a && !is_new_b) {
        return ok();  // Its data was compared.
      }
    }
    if (is_symlink) {
      TRY_ASSIGN(const std::string target_a, a_.link_target(pair.path_a));
      TRY_ASSIGN(const std::string target_b, b_.link_target(pair.path_b));
      if (target_a != target_b) differ(pair.path_a, "symlink to " + target_a + " and to " + target_b);
    }
    return pair.a.type == dfs::NodeType::kFile ? compare_data(pair) : ok();
  }

  Status compare_directory(const Pair& pair, std::vector<Pair>& stack) {
    TRY_ASSIGN(const std::vector<Listed> a, a_.list(pair.path_a));
    TRY_ASSIGN(const std::vector<Listed> b, b_.list(pair.path_b));
    auto at_b = b.begin();
    std::vector<Pair> both;
    for (const Listed& entry : a) {
      for (; at_b != b.end() && compare_bytes(as_bytes(at_b->name), as_bytes(entry.name)) < 0; ++at_b) {
        differ(join(pair.path_b, at_b->name), "only there");
      }
      if (at_b == b.end() || at_b->name != entry.name) {
        differ(join(pair.path_a, entry.name), "missing");
        continue;
      }
      both.push_back({join(pair.path_a, entry.name), join(pair.path_b, entry.name), entry.meta, at_b->meta});
      ++at_b;
    }
    for (; at_b != b.end(); ++at_b) differ(join(pair.path_b, at_b->name), "only there");
    stack.insert(stack.end(), std::make_move_iterator(both.rbegin()), std::make_move_iterator(both.rend()));
    return ok();
  }

  Status compare_data(const Pair& pair) {
    if (pair.a.size != pair.b.size) {
      compare_number(pair, "size", pair.a.size, pair.b.size);
      return ok();
    }
    if (pair.a.size == 0) return ok();
    TRY_ASSIGN(const std::unique_ptr<Reader> a, a_.open_reader(pair.path_a));
    TRY_ASSIGN(const std::unique_ptr<Reader> b, b_.open_reader(pair.path_b));
    // Far holes are zeros on both sides: only where either has data it is read.
    std::vector<dfs::FileExtent> extents = {{.offset = 0, .size = pair.a.size}};
    if (pair.a.size > kPartSize) {
      TRY_ASSIGN(extents, a->data_extents());
      TRY_ASSIGN(const std::vector<dfs::FileExtent> more, b->data_extents());
      extents.insert(extents.end(), more.begin(), more.end());
      std::sort(extents.begin(), extents.end(), [](const auto& x, const auto& y) { return x.offset < y.offset; });
    }
    uint64_t compared = 0;
    for (const dfs::FileExtent& extent : extents) {
      for (uint64_t at = std::max(extent.offset, compared); at < std::min(extent.end(), pair.a.size);) {
        const size_t size = std::min<uint64_t>(std::min(extent.end(), pair.a.size) - at, kPartSize);
        memory_a_.resize(size);
        memory_b_.resize(size);
        TRY_ASSIGN(const size_t count_a, a->read(at, memory_a_));
        TRY_ASSIGN(const size_t count_b, b->read(at, memory_b_));
        if (count_a != size || count_b != size) {
          differ(pair.path_a, "one ends at byte " + std::to_string(at + std::min(count_a, count_b)));
          return ok();
        }
        if (std::memcmp(memory_a_.data(), memory_b_.data(), size) != 0) {
          const auto place = std::mismatch(memory_a_.begin(), memory_a_.end(), memory_b_.begin()).first;
          differ(pair.path_a,
                 "bytes differ from byte " + std::to_string(at + static_cast<uint64_t>(place - memory_a_.begin())));
          return ok();
        }
        at += size;
        compared = at;
        if (!report_progress(false)) return Status(Code::kCanceled, "the comparison was stopped");
      }
    }
    result_.bytes += pair.a.size;
    progress_.bytes_done += pair.a.size;
    return ok();
  }

  Tree& a_;
  Tree& b_;
  const VerifyOptions& options_;
  const ProgressCallback& callback_;
  Verification result_;
  Progress progress_;
  std::chrono::steady_clock::time_point last_report_{};
  std::map<std::pair<uint64_t, uint64_t>, std::pair<uint64_t, uint64_t>> links_a_;
  std::map<std::pair<uint64_t, uint64_t>, std::pair<uint64_t, uint64_t>> links_b_;
  Bytes memory_a_;
  Bytes memory_b_;
};

}  // namespace

Result<Verification> verify_tree(const Place& a, const Place& b, const VerifyOptions& options,
                                 const ProgressCallback& progress) {
  const TreeOptions tree_options{.keep_owner = options.compare_owner, .keep_xattrs = options.compare_xattrs};
  TRY_ASSIGN(const std::unique_ptr<Tree> tree_a, open_tree(a, tree_options));
  TRY_ASSIGN(const std::unique_ptr<Tree> tree_b, open_tree(b, tree_options));
  return Verifier(*tree_a, *tree_b, options, progress).run(a.path, b.path);
}

}  // namespace aeon::transfer
