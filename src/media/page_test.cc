#include "page.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "sim/for_each_seed.h"

namespace aeon::media {
namespace {

using PageModel = std::map<std::string, std::string>;

std::string random_text(Random& random, size_t size_max, unsigned letters) {
  std::string text(random.below(size_max + 1), '\0');
  for (char& c : text) c = static_cast<char>('a' + random.below(letters));
  return text;
}

void expect_equal(const Page& page, const PageModel& model) {
  ASSERT_EQ(page.count(), model.size());
  size_t index = 0, content = kPageHeaderSize + page.prefix().size();
  for (const auto& [key, value] : model) {
    ASSERT_EQ(as_text(page.key(index)), key);
    ASSERT_EQ(as_text(page.value(index)), value);
    content += kPageSlotSize + key.size() - page.prefix().size() + value.size();
    ++index;
  }
  ASSERT_EQ(page.content_size(), content);
}

Bytes encoded(const Page& page, PageIdentity& identity) {
  identity.address.count = static_cast<uint32_t>(page.disk_block_count());
  Bytes image(page.disk_block_count() * kBlockSize);
  page.encode(identity, {}, image);
  return image;
}

TEST(PageProperty, AgreesWithAnOrderedMap) {
  for_each_seed([](Random& random) {
    Page page;
    PageModel model;
    const std::string shared = random_text(random, 12, 3);
    for (int step = 0; step < 400; ++step) {
      // Mostly keys with one prefix, so that it's compressed, lost and found again.
      const std::string key = (random.one_in(20) ? "" : shared) + random_text(random, 6, 3);
      const Page::Position position = page.find(as_bytes(key));
      ASSERT_EQ(position.exact, model.contains(key));
      ASSERT_EQ(position.index, static_cast<size_t>(std::distance(model.begin(), model.lower_bound(key))));
      if (random.one_in(3)) {
        if (position.exact) page.erase(position.index);
        model.erase(key);
      } else {
        const std::string value = random_text(random, 60, 26);
        if (position.exact)
          page.replace(position.index, as_bytes(value));
        else
          page.insert(position.index, as_bytes(key), as_bytes(value));
        model[key] = value;
      }
      ASSERT_NO_FATAL_FAILURE(expect_equal(page, model));
      if (random.one_in(50) && !model.empty()) {
        PageIdentity identity{.store_hash = 7, .address = {11, 0}, .generation = 3};
        const Bytes image = encoded(page, identity);
        PageIdentity seen{.store_hash = 7, .address = {11, identity.address.count}};
        Result<Page> decoded = Page::decode(image, seen);
        ASSERT_TRUE(decoded.is_ok()) << decoded.status().to_string();
        ASSERT_EQ(seen.generation, 3u);
        page = std::move(decoded).value();
        ASSERT_NO_FATAL_FAILURE(expect_equal(page, model));
      }
    }
  });
}

TEST(PageProperty, SplitAndAppendKeepAllEntries) {
  for_each_seed([](Random& random) {
    Page page;
    PageModel model;
    const size_t count = random.between(2, 200);
    while (model.size() < count) {
      const std::string key = random_text(random, 10, 4), value = random_text(random, 50, 26);
      const Page::Position position = page.find(as_bytes(key));
      if (position.exact) continue;
      page.insert(position.index, as_bytes(key), as_bytes(value));
      model[key] = value;
    }
    Page right = page.split(page.split_index(1));
    ASSERT_GE(page.count(), 1u);
    ASSERT_GE(right.count(), 1u);
    ASSERT_EQ(page.count() + right.count(), count);
    page.append(right, nullptr);
    ASSERT_NO_FATAL_FAILURE(expect_equal(page, model));
  });
}

TEST(PageProperty, AnyFlippedBitIsNoticed) {
  for_each_seed([](Random& random) {
    Page page;
    for (int i = 0; i < 20; ++i) {
      const std::string key = "key " + std::to_string(100 + i);
      page.insert(page.count(), as_bytes(key), as_bytes(random_text(random, 30, 26)));
    }
    PageIdentity identity{.store_hash = 7, .address = {11, 0}};
    Bytes image = encoded(page, identity);
    const size_t at = random.below(image.size());
    image[at] ^= static_cast<std::byte>(1u << random.below(8));
    EXPECT_EQ(Page::decode(image, identity).code(), Code::kCorrupt);
  });
}

TEST(Page, OfAnotherPlaceOrStoreIsCorrupt) {
  Page page;
  page.insert(0, as_bytes("key"), as_bytes("value"));
  PageIdentity identity{.store_hash = 7, .address = {11, 1}};
  const Bytes image = encoded(page, identity);
  PageIdentity elsewhere{.store_hash = 7, .address = {12, 1}};
  EXPECT_EQ(Page::decode(image, elsewhere).code(), Code::kCorrupt);
  PageIdentity foreign{.store_hash = 8, .address = {11, 1}};
  EXPECT_EQ(Page::decode(image, foreign).code(), Code::kCorrupt);
  EXPECT_TRUE(Page::decode(image, identity).is_ok());
}

TEST(Page, AnOlderPageOfThePlaceIsCorruptAndOneWithoutAStampIsNot) {
  Page page;
  page.insert(0, as_bytes("key"), as_bytes("value"));
  PageIdentity older{.store_hash = 7, .address = {11, 1, 5}};
  const Bytes image = encoded(page, older);
  PageIdentity newer{.store_hash = 7, .address = {11, 1, 6}};
  EXPECT_EQ(Page::decode(image, newer).code(), Code::kCorrupt);
  PageIdentity unknown{.store_hash = 7, .address = {11, 1}};
  EXPECT_TRUE(Page::decode(image, unknown).is_ok());
  EXPECT_EQ(unknown.address.stamp, 5u);
  EXPECT_TRUE(Page::decode(image, older).is_ok());
}

TEST(Page, TakesTheLargestEntry) {
  Page page;
  const std::string key(kKeySizeMax, 'k'), value(kValueSizeMax, 'v');
  page.insert(0, as_bytes(key), as_bytes(value));
  PageIdentity identity{.store_hash = 7, .address = {11, 0}};
  const Bytes image = encoded(page, identity);
  const Result<Page> decoded = Page::decode(image, identity);
  ASSERT_TRUE(decoded.is_ok());
  EXPECT_EQ(as_text((*decoded).value(0)), value);
}

}  // namespace
}  // namespace aeon::media
