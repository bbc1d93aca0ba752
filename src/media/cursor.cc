#include <array>

#include "media/key_block_store.h"
#include "open_store.h"
#include "runtime/frame_pool.h"

namespace aeon::media {

namespace {

// A key of its own memory, which short ones find here.
class KeptKey {
 public:
  void copy_from(const Page& page, size_t index) {
    const ByteView prefix = page.prefix();
    const ByteView suffix = page.suffix(index);
    size_ = prefix.size() + suffix.size();
    if (size_ > near_.size() && far_.size() < size_) far_.resize(size_);
    std::byte* const out = data();
    if (!prefix.empty()) std::memcpy(out, prefix.data(), prefix.size());
    if (!suffix.empty()) std::memcpy(out + prefix.size(), suffix.data(), suffix.size());
  }
  ByteView view() const { return {size_ > near_.size() ? far_.data() : near_.data(), size_}; }

 private:
  std::byte* data() { return size_ > near_.size() ? far_.data() : near_.data(); }

  size_t size_ = 0;
  std::array<std::byte, 128> near_;
  Bytes far_;
};

}  // namespace

struct Cursor::State {
  // Most cursors make a move or two: they come from the pool that coroutines' frames come from.
  static void* operator new(size_t size) { return FramePool::allocate(size); }
  static void operator delete(void* state, size_t size) { FramePool::release(state, size); }

  StoreCore::Ref core;
  Tree::Path path;
  KeptKey key;                // Of the entry it is at, or was at before a change.
  uint64_t path_version = 0;  // The path holds while the store's is the same.
  bool is_at_entry = false;

  // One attempt at a move. What it returns must be in memory before the next.
  Tree::Missing step(Move::Kind kind, ByteView target);
  // Where `target` is, or would be, if that is inside the leaf at hand: moves close to the last one are the rule, and
  // so don't start at the root again.
  bool find_nearby(ByteView target, bool before, Tree::Path& next) const;
};

bool Cursor::State::find_nearby(ByteView target, bool before, Tree::Path& next) const {
  if (!is_at_entry || path_version != core->path_version) return false;
  const Page& page = path.leaf().node->page;
  if (!page.may_span(target)) return false;
  const Page::Position position = page.find(target);
  const bool is_inside = position.exact || (position.index > 0 && position.index < page.count());
  if (!is_inside || (before && position.index == 0)) return false;
  next = path;
  next.steps[next.depth - 1].index = position.index - (before ? 1 : 0);
  return true;
}

Tree::Missing Cursor::State::step(Move::Kind kind, ByteView target) {
  Tree::Path next;
  Tree::Missing missing;
  const Tree& tree = core->tree;
  const bool is_path_good = path_version == core->path_version;
  switch (kind) {
    case Move::Kind::kSeek:
      if (!find_nearby(target, false, next)) missing = tree.seek(target, next);
      break;
    case Move::Kind::kSeekBefore:
      if (!find_nearby(target, true, next)) missing = tree.seek_before(target, next);
      break;
    case Move::Kind::kNext:
      if (!is_at_entry) return std::nullopt;
      if (is_path_good) {
        next = path;
        missing = tree.next(next);
      } else {
        missing = tree.seek_after(key.view(), next);
      }
      break;
    case Move::Kind::kPrevious:
      if (!is_at_entry) return std::nullopt;
      if (is_path_good) {
        next = path;
        missing = tree.previous(next);
      } else {
        missing = tree.seek_before(key.view(), next);
      }
      break;
  }
  if (missing) return missing;
  path = next;
  path_version = core->path_version;
  is_at_entry = path.is_at_entry();
  if (is_at_entry) key.copy_from(path.leaf().node->page, path.leaf().index);
  return std::nullopt;
}

Cursor::Cursor(KeyBlockStore& store) : state_(new State) { state_->core = static_cast<OpenStore&>(store).core(); }

Cursor::~Cursor() = default;

bool Cursor::valid() const { return state_->is_at_entry; }
ByteView Cursor::key() const { return state_->key.view(); }
ByteView Cursor::value() const {
  CHECK(state_->is_at_entry && state_->path_version == state_->core->path_version);
  const Tree::Path::Step& leaf = state_->path.leaf();
  return leaf.node->page.value(leaf.index);
}

bool Cursor::move_now(Move::Kind kind, ByteView key) { return !state_->step(kind, key); }

bool Cursor::Move::await_ready() { return !cursor_.state_->step(kind_, key_); }

bool Cursor::Move::await_suspend(std::coroutine_handle<> waiter) {
  // The waiter goes on right where the move ends: were it posted, others could change the tree before it looks.
  load_ = finish(this);
  return load_.operator co_await().await_suspend(waiter);
}

Status Cursor::Move::await_resume() { return status_; }

Task<void> Cursor::finish(Move* move) {
  constexpr int kLoadsBeforeHold = 32;  // A walk needs two leaves and their ancestors at most.
  State& state = *move->cursor_.state_;
  Permit hold;
  for (int loads = 0; const Tree::Missing missing = state.step(move->kind_, move->key_); ++loads) {
    if (loads == kLoadsBeforeHold) {
      hold = co_await StoreCore::hold_pages(state.core);
      continue;  // It may be there by now.
    }
    move->status_ = co_await StoreCore::load_page(state.core, *missing);
    if (!move->status_.is_ok()) {
      state.is_at_entry = false;
      break;
    }
  }
}

}  // namespace aeon::media
