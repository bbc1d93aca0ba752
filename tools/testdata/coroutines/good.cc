// Nothing here may be found.
#define CO_TRY(e)                 \
  do {                            \
    if (auto s = (e); !s) co_return s; \
  } while (false)

struct Agg { int a; };
class Store final : public Base<int, Agg>, private Other {
 public:
  explicit Store(Disk& disk) : disk_{disk}, names_{"a", "b"} { start(); }
  auto operator co_await() noexcept { return Awaiter{this}; }
  Task<Status> read(DiskOffset offset, std::span<std::byte> out) const override;
  int values_[2] = {1, 2};
  std::vector<int> list_{1, 2, 3};
};

Task<Status> Store::commit(Epoch epoch) {
  auto turn = co_await commit_turn_.lock();
  if (epoch <= highest_committed_) co_return ok();
  Request request{.epoch = epoch, .name = name_};
  CO_TRY(co_await client_.send(std::move(request)));
  CO_TRY_ASSIGN(const auto reply, co_await client_.get());
  const std::vector<Text> both = {Text(1), Text(2)};
  co_await client_.all(both);
  const auto add = [&sum](int value) { sum += value; };
  co_await client_.each(add);
  co_await client_.each([](int value) { return Pair{value, "x"}; });
  co_await client_.reset(Options{});
  co_await sleep_for(executor_, std::chrono::milliseconds{5});
  co_await client_.seek(Epoch{41});
  if (std::any_of(begin, end, [&](int value) { return value == wanted; })) co_return ok();
  if (std::any_of(begin, end, [&](int value) { return value == wanted; })) co_await client_.get();
  for (const auto& item : {1, 2, 3}) co_await client_.get(item);
  auto task = client_.send({.name = name_});
  co_await std::move(task);
  const auto pair = co_await client_.pair();
  const auto& [a, b] = pair;
  Reply answer{a, b};
  switch (a) {
    case 1: {
      co_await client_.get();
      break;
    }
    default: co_await client_.get();
  }
  if (const auto found = co_await client_.get(); found > table_[index]) {
    use({1, 2});
  } else {
    use(Pair{1, 2});
  }
  try {
    co_await client_.get();
  } catch (...) {
    use(Pair{1, 2});
  }
  co_await client_.send({1, 2});  // lint: ok both are integers
  const char* text = R"(co_await f({1, 2}))";
  use("co_await f({1})", 'x', 1'000'000);
  co_return Status{Code::kOk, "text"};
}

template <typename T>
Task<T> twice(Task<T> task) {
  auto plain = []() -> Task<int> { co_return 1; };
  co_await plain();
  co_await client_.each(plain);
}

Task<Status> conditions_beside_awaits(Client& client, bool first) {
  co_await client.send(first ? 1 : 2);
  const int value = (co_await client.count()) > 0 ? 1 : 2;
  co_return client.state(value);
}
