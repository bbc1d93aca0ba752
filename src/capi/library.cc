#include "library.h"

#include <daos.h>

#include <cstdlib>
#include <cstring>

#include "base/log.h"
#include "local/local_system.h"
#include "long_positions.h"
#include "status_codes.h"

namespace aeon::capi {
namespace {

// The name that DAOS gives a system unless told otherwise, and that programs pass by habit.
constexpr const char* kDefaultName = "daos_server";

constexpr uint64_t kStarted = uint64_t{1} << 63;

Task<void> drop_all(std::vector<std::shared_ptr<void>> objects) {
  objects.clear();
  co_return;
}

bool is_understood(const char* system) { return system == nullptr || system[0] == '\0' || local::names_system(system); }

// Which process started it last, and how often, for its children.
std::atomic<uint64_t> started_generation{0};
std::atomic<uint32_t> started_count{0};

}  // namespace

Library& Library::instance() {
  static PerProcess<Library> library;
  return library.get([] { return new Library(); });
}

int Library::start() {
  if (!is_understood(std::getenv("AEON_SYSTEM"))) return -DER_INVAL;
  const std::lock_guard lock(mutex_);
  ++start_count_;
  inside_.fetch_or(kStarted);
  note_started();
  return 0;
}

void Library::note_started() const {
  started_generation = generation_;
  started_count = start_count_;
}

// As often as the parent's was, so that each of its daos_init() still has its daos_fini(). In the same process, or
// where it was started anew already, nothing is to be done.
int Library::start_after_fork() {
  const std::lock_guard lock(mutex_);
  if (start_count_ != 0 || started_generation == generation_) return 0;
  if (started_count == 0) return -DER_UNINIT;
  start_count_ = started_count;
  inside_.fetch_or(kStarted);
  note_started();
  return 0;
}

int Library::stop() {
  std::map<std::string, std::shared_ptr<client::System>> systems;
  {
    const std::lock_guard lock(mutex_);
    if (start_count_ == 0) return -DER_UNINIT;
    if (start_count_ > 1) {
      --start_count_;
      note_started();
      return 0;
    }
    uint64_t nobody_inside = kStarted;
    if (!inside_.compare_exchange_strong(nobody_inside, 0)) return -DER_BUSY;
    start_count_ = 0;
    note_started();
    systems.swap(systems_);
  }
  // On the executor, where handles may look at what it owns; and after this, the coroutine of the last operation is
  // gone too, which may have held the system.
  auto objects = handles_.remove_all();
  for (auto& [name, system] : systems) {
    system->run(drop_all(std::move(objects)));
    objects.clear();
  }
  objects.clear();
  LongPositions::instance().clear();
  systems.clear();
  return 0;
}

bool Library::enter() {
  if ((inside_.fetch_add(1) & kStarted) != 0) return true;
  inside_.fetch_sub(1);
  return false;
}

void Library::leave() { inside_.fetch_sub(1); }

std::shared_ptr<client::System> Library::open_system(const char* name, bool create_if_missing, int* error) {
  std::string wanted = name == nullptr || std::strcmp(name, kDefaultName) == 0 ? "" : name;
  if (wanted.empty()) {
    const char* chosen = std::getenv("AEON_SYSTEM");
    wanted = chosen == nullptr ? "" : chosen;
  }
  while (wanted.size() > std::strlen("local:/") && wanted.back() == '/') wanted.pop_back();

  const std::lock_guard opening(opening_mutex_);
  {
    const std::lock_guard lock(mutex_);
    const auto known = systems_.find(wanted);
    if (known != systems_.end()) return known->second;
  }
  auto system = local::open_system(wanted, create_if_missing);
  if (!system) {
    log::warn("system_open_failed", {{"system", wanted}, {"status", system.status()}});
    *error = to_der_of_opening(system.code());
    return nullptr;
  }
  const std::lock_guard lock(mutex_);
  systems_.emplace(wanted, *system);
  return std::move(system).value();
}

bool Library::poll() {
  std::vector<std::shared_ptr<client::System>> systems;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, system] : systems_) systems.push_back(system);
  }
  bool any = false;
  for (const auto& system : systems) any |= system->poll();
  return any;
}

}  // namespace aeon::capi

int daos_init(void) { return aeon::capi::Library::instance().start(); }

int daos_reinit(void) {
  aeon::notice_fork();  // It may be called before our own handler.
  return aeon::capi::Library::instance().start_after_fork();
}

int daos_fini(void) { return aeon::capi::Library::instance().stop(); }
