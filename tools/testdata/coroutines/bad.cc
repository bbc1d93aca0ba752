// Every line that ends in `bad: <rule>` must be found, and no other.
Task<Status> braces(Client& client) {
  co_await client.send({.epoch = 1, .name = name});                      // bad: brace
  const Status sent = co_await client.send(Request{.name = name});       // bad: brace
  co_return co_await client.send(std::vector<std::string>{"a", "b"});    // bad: brace
  if (co_await client.holds({1, "x"})) co_return ok();                   // bad: brace condition
  while (!(co_await client.done(Key{name}))) client.turn();              // bad: brace condition
  CO_TRY(co_await client.send({.name = name}));                          // bad: brace
  CO_TRY_ASSIGN(auto reply, co_await client.call(Request{name}));        // bad: brace
  for (auto& entry : co_await client.list(Prefix{name})) use(entry);     // bad: brace
  use(co_await client.get(key), Options{.retry = policy});               // bad: brace
  co_await client.send(
      1,
      Request{name});                                                    // bad: brace
  switch (co_await client.kind(Key{name})) {                             // bad: brace condition
    case 1: break;
  }
}

Task<Status> conditions(Client& client) {
  if (!co_await client.sleep()) co_return ok();                          // bad: condition
  while (co_await client.sleep()) client.turn();                         // bad: condition
  if (client.is_open) co_await client.sleep();
}

Task<Status> lambdas(Client& client, std::string name) {
  co_await client.each([name](int) { return name; });                    // bad: lambda
  co_await client.each([&](int value) { sum += value; });                // bad: lambda
  co_await [this]() -> Task<> { co_return; }();                          // bad: lambda coroutine
  auto keep = co_await client.each([copy = name] { return copy; });      // bad: lambda
}

Task<Status> awaits_inside(Client& client) {
  Pair pair{.first = co_await client.first(),                            // bad: inside
            .second = Text(co_await client.second())};                   // bad: inside
  Text both[2] = {Text(1), co_await client.second()};                    // bad: inside
  co_return Pair{co_await client.first(), 2};                            // bad: inside
}

Task<Status> bindings(Client& client) {
  auto [a, b] = co_await client.pair();                                  // bad: binding
  const auto& [c, d] = co_await client.pair();                           // bad: binding
  for (auto& [key, value] : co_await client.list()) use(key, value);     // bad: binding
}

Task<Status> statements(Client& client) {
  auto x = ({ auto t = co_await client.get(); t; });                     // bad: statement
  const int y = CO_TRY(client.get());                                    // bad: statement
}

void lambda_coroutines() {
  auto by_value = [name]() -> Task<> { co_await use(name); };            // bad: coroutine
  auto by_reference = [&]() -> Task<> { co_return; };                    // bad: coroutine
}

struct Awaiter {
  void await_suspend(std::coroutine_handle<> handle) { handle.destroy(); }  // bad: suspend
};

Task<Status> excused(Client& client) {
  co_await client.send({1, 2});  // lint: ok
}

Task<Status> branches(Client& client, bool first) {
  const Result<Text> text = first ? co_await client.first()              // bad: conditional
                                  : co_await client.second();            // bad: conditional
  co_return text.status();
}
