// Something that another process changes without a word, such as memory that it shares. A reactor looks at its sources
// while it runs and spins; before it sleeps it parks them, and then they have to wake it by something that it waits
// for.
#pragma once

namespace aeon {

class SpinSource {
 public:
  SpinSource() = default;
  SpinSource(const SpinSource&) = delete;
  SpinSource& operator=(const SpinSource&) = delete;

  // True if something has come: posts who waits for it. A source that nobody waits for any more is taken off by this
  // (unwatch), and no other source.
  virtual bool look() = 0;
  // It isn't watched any more. Arranges to be woken, and then looks once more, so that what came before isn't missed.
  virtual void park() = 0;
  // It is watched again, and needs no waking.
  virtual void unpark() = 0;

 protected:
  ~SpinSource() = default;
  bool is_watched() const { return place_ == Place::kWatched; }

 private:
  friend class Reactor;
  enum class Place { kNowhere, kWatched, kLeft };
  SpinSource* next_ = nullptr;
  SpinSource* previous_ = nullptr;
  Place place_ = Place::kNowhere;
  bool has_news_ = false;  // Since it is watched, or it was new then.
};

}  // namespace aeon
