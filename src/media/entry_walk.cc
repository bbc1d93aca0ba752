// The walks of an Inspector: pages of the checkpoint, and keys with what the log adds.
#include "batch_codec.h"
#include "inspector_core.h"

namespace aeon::media {

struct Inspector::PageWalk::State {
  explicit State(TreeReader tree) : reader(std::move(tree)) {}
  TreeReader reader;
};

Inspector::PageWalk::PageWalk(Inspector& inspector)
    : state_(std::make_unique<State>(TreeReader(inspector.disk_, inspector.core_->superblock, {}))) {}
Inspector::PageWalk::~PageWalk() = default;

Task<std::optional<PageReport>> Inspector::PageWalk::next() {
  const std::optional<TreeReader::Visit> visit = co_await state_->reader.next();
  if (!visit.has_value()) co_return std::optional<PageReport>();
  co_return std::optional<PageReport>(report_of(*visit));
}

struct Inspector::EntryWalk::State {
  State(Inspector& inspector, Bytes from_key)
      : core(*inspector.core_),
        reader(inspector.disk_, inspector.core_->superblock, from_key),
        from(std::move(from_key)),
        change(core.changes.lower_bound(from)) {}

  using Changes = std::map<Bytes, Core::Change, Core::KeyLess>;

  // Reads on until the tree's next thing is known: an entry, a damaged page, or its end.
  Task<void> find_head();
  bool is_at_damage() const { return visit.has_value() && !visit->status.is_ok(); }

  // The value behind the change of `key`, given the page's (empty without): nothing if it is erased, or if counters are
  // added to what a damaged page hides.
  std::optional<Bytes> changed(const Core::Change& change, ByteView before) const;

  const Core& core;
  TreeReader reader;
  Bytes from;
  std::optional<TreeReader::Visit> visit;  // A leaf, or what is damaged.
  size_t index = 0;  // Of the leaf's next entry.
  bool is_tree_done = false;
  Bytes head;  // The key of that, or where the damage begins.
  bool has_head = false;
  Changes::const_iterator change;

  Bytes key;
  Bytes value;
  uint64_t page_block = 0;
  PageReport damage;
};

Task<void> Inspector::EntryWalk::State::find_head() {
  while (!has_head && !is_tree_done) {
    if (visit.has_value() && visit->status.is_ok() && index < visit->page->count()) {
      head = visit->page->key(index);
      has_head = true;
      co_return;
    }
    visit = co_await reader.next();
    if (!visit.has_value()) {
      is_tree_done = true;
    } else if (!visit->status.is_ok()) {
      head = visit->first_key;
      has_head = true;
    } else if (visit->identity.level == 0) {
      index = visit->page->find(from).index;
    } else {
      index = visit->page->count();  // Its children come next.
    }
  }
}

std::optional<Bytes> Inspector::EntryWalk::State::changed(const Core::Change& known, ByteView before) const {
  if (!known.is_relative) return known.value;
  const bool is_hidden = !damage.status.is_ok() && (!damage.has_end || compare_bytes(key, damage.end_key) < 0);
  if (is_hidden) return std::nullopt;
  Bytes counters = to_bytes(before);
  for (const Bytes& addition : known.additions) counters = add_to_counters(counters, addition);
  return counters;
}

Inspector::EntryWalk::EntryWalk(Inspector& inspector, Bytes from)
    : state_(std::make_unique<State>(inspector, std::move(from))) {}
Inspector::EntryWalk::~EntryWalk() = default;

Task<Inspector::EntryWalk::Step> Inspector::EntryWalk::next() {
  State& s = *state_;
  while (true) {
    co_await s.find_head();
    const bool has_change = s.change != s.core.changes.end();
    if (!s.has_head && !has_change) co_return Step::kEnd;
    const auto order = !s.has_head   ? std::strong_ordering::greater
                       : !has_change ? std::strong_ordering::less
                                     : compare_bytes(s.head, s.change->first);
    if (s.has_head && s.is_at_damage() && order <= 0) {
      s.has_head = false;
      s.damage = report_of(*s.visit);
      co_return Step::kDamage;
    }
    if (order < 0) {
      s.key = std::move(s.head);
      s.value = to_bytes(s.visit->page->value(s.index));
      s.page_block = s.visit->identity.address.first;
      s.has_head = false;
      ++s.index;
      co_return Step::kEntry;
    }
    Bytes before;
    if (order == 0) {  // The log has it newer.
      before = to_bytes(s.visit->page->value(s.index));
      s.has_head = false;
      ++s.index;
    }
    const auto change = s.change++;
    s.key = change->first;
    std::optional<Bytes> value = s.changed(change->second, before);
    if (!value.has_value()) continue;
    s.value = std::move(*value);
    s.page_block = 0;
    co_return Step::kEntry;
  }
}

ByteView Inspector::EntryWalk::key() const { return state_->key; }
ByteView Inspector::EntryWalk::value() const { return state_->value; }
uint64_t Inspector::EntryWalk::page_block() const { return state_->page_block; }
const PageReport& Inspector::EntryWalk::damage() const { return state_->damage; }

}  // namespace aeon::media
