// Tests may write coroutine lambdas that capture references, but not values.
TEST(Store, Works) {
  auto by_reference = [&]() -> Task<> { co_await store.read(); };
  auto by_name = [&store, this]() -> Task<> { co_await store.read(); };
  auto by_value = [store]() -> Task<> { co_await store.read(); };  // bad: coroutine
  run(executor, by_reference());
}
