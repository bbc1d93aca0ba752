#include "placement/pool_map.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "sample_maps_test.h"

namespace aeon::placement {
namespace {

PoolMap sample() {
  std::vector<RankPlace> ranks = ranks_in_racks(2, 2, 2);
  ranks.push_back({.fault_domains = {"room", "rack-0"}, .node = "n", .rank = 77, .target_count = 3});
  ranks.push_back({.fault_domains = {}, .node = "n", .rank = 78, .target_count = 1});
  ranks.push_back({.fault_domains = {}, .node = "n", .rank = 79, .target_count = 1});
  return make_pool_map(ranks).value();
}

// All states at once.
PoolMap changing() {
  PoolMap map = sample();
  map = with_excluded(map, std::vector<TargetId>{0, 1}).value();
  map = with_changes_finished(map, map.version).value();
  map = with_excluded(map, std::vector<TargetId>{3, 4}).value();
  map = with_drained(map, std::vector<TargetId>{8}).value();
  map = with_reintegrated(map, std::vector<TargetId>{0, 4}).value();
  map = with_ranks(map, ranks_in_racks(1, 2, 1, 2, 200)).value();
  return with_joining(map, map.targets_of_rank(200)).value();
}

TEST(PoolMap, IsMadeOfRanksAndWhereTheyStand) {
  const PoolMap map = sample();
  EXPECT_TRUE(validate(map).is_ok());
  EXPECT_EQ(map.version, 1u);
  EXPECT_EQ(map.targets.size(), 13u);
  EXPECT_EQ(map.targets_of_rank(77), std::vector<TargetId>({8, 9, 10}));
  EXPECT_EQ(map.rank_of(9), 77u);
  EXPECT_EQ(map.find_target(77, 2), 10u);
  EXPECT_EQ(map.find_target(77, 3), kNoTarget);
  EXPECT_EQ(map.find_target(5, 0), kNoTarget);
  EXPECT_EQ(map.targets_below(0).size(), 13u);
  EXPECT_EQ(map.targets_below(1), std::vector<TargetId>({0, 1, 2, 3}));  // rack-0; the one in the room is another.
  EXPECT_TRUE(map.targets_below(1000).empty());
  EXPECT_EQ(map.targets_of_rank(78).size(), 1u);
  EXPECT_EQ(map.domains[map.targets[11].domain].parent, map.domains[map.targets[12].domain].parent);  // One node.
  EXPECT_FALSE(map.is_changing());
  EXPECT_TRUE(changing().is_changing());
}

TEST(PoolMap, IsNotMadeOfWhatMakesNone) {
  EXPECT_EQ(make_pool_map({}).code(), Code::kInvalidArgument);
  const auto code_of = [](RankPlace place) { return make_pool_map(std::span(&place, 1)).code(); };
  EXPECT_EQ(code_of({.fault_domains = {}, .node = "n"}), Code::kOk);
  EXPECT_EQ(code_of({.fault_domains = {}, .node = ""}), Code::kInvalidArgument);
  EXPECT_EQ(code_of({.fault_domains = {}, .node = "n", .rank = 0, .target_count = 0}), Code::kInvalidArgument);
  EXPECT_EQ(code_of({.fault_domains = {}, .node = "n", .rank = 0, .target_count = kTargetsMax}), Code::kOk);
  EXPECT_EQ(code_of({.fault_domains = {}, .node = "n", .rank = 0, .target_count = kTargetsMax + 1}),
            Code::kInvalidArgument);
  EXPECT_EQ(code_of({.fault_domains = {}, .node = std::string(256, 'n')}), Code::kInvalidArgument);
  EXPECT_EQ(code_of({.fault_domains = std::vector<std::string>(kDomainDepthMax - 1, "d"), .node = "n"}),
            Code::kInvalidArgument);
  EXPECT_EQ(code_of({.fault_domains = std::vector<std::string>(kDomainDepthMax - 2, "d"), .node = "n"}), Code::kOk);
  const std::vector<RankPlace> twice(2, {.fault_domains = {}, .node = "n"});
  EXPECT_EQ(make_pool_map(twice).code(), Code::kExists);
  const std::vector<RankPlace> one_name{{.fault_domains = {"a"}, .node = "n"},
                                        {.fault_domains = {}, .node = "a", .rank = 1}};
  EXPECT_EQ(make_pool_map(one_name).code(), Code::kInvalidArgument);
}

TEST(PoolMap, IsRefusedWhenItMakesNoSense) {
  const auto code_of = [](auto&& spoil) {
    PoolMap map = changing();
    spoil(map);
    return validate(map).code();
  };
  EXPECT_EQ(code_of([](PoolMap&) {}), Code::kOk);
  EXPECT_EQ(code_of([](PoolMap& map) { map.version = 0; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.version = 2; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.domains.clear(); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.domains[0].name = "root"; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.domains[2].parent = 2; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.domains[2].parent = 1'000'000; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.domains[3].parent = 1; }), Code::kInvalidArgument);  // A rank in a rack.
  EXPECT_EQ(code_of([](PoolMap& map) { map.domains[1].kind = Domain::Kind::kRoot; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.domains[1].kind = static_cast<Domain::Kind>(9); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.domains[1].rank = 3; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.domains[3].name = "rank"; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.domains[3].rank = 1; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.targets[0].domain = 0; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.targets[0].domain = 1'000'000; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.targets[0].index = 1; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.targets[0].index = kTargetsMax; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.targets[2].changed_in = 0; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.targets[2].changed_in = 100; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.targets[2].joined_in = 0; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.targets[2].out_since = 1; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.targets[2].returned_early = true; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.targets[2].state = static_cast<TargetState>(0); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.targets[1].out_since = 0; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.targets[13].joined_in = 1; }), Code::kInvalidArgument);  // Joins first.
}

TEST(PoolMap, IsReplacedOnlyByOneThatFollows) {
  const PoolMap now = changing();
  const PoolMap next = with_changes_finished(now, now.version).value();
  EXPECT_TRUE(check_follows(now, next).is_ok());
  EXPECT_TRUE(check_follows(now, now).is_ok());
  EXPECT_EQ(check_follows(next, now).code(), Code::kInvalidArgument);
  const auto code_of = [&](auto&& spoil) {
    PoolMap map = next;
    spoil(map);
    return check_follows(now, map).code();
  };
  EXPECT_EQ(code_of([&](PoolMap& map) { map.version = now.version; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.targets.pop_back(); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.domains.pop_back(); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.domains[1].name = "other"; }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { std::swap(map.targets[0], map.targets[2]); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](PoolMap& map) { map.targets[3].changed_in = 1; }), Code::kInvalidArgument);
}

TEST(PoolMapEncoding, IsReadAsWhatWasWritten) {
  for (const PoolMap& map : {sample(), changing(), make_plain_map(1)}) {
    const Result<PoolMap> read = decode_pool_map(encode_pool_map(map));
    ASSERT_TRUE(read.is_ok()) << read.status().to_string();
    EXPECT_EQ(*read, map);
  }
}

TEST(PoolMapEncoding, CutShortOrTooLongIsCorrupt) {
  Bytes whole = encode_pool_map(changing());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(decode_pool_map(ByteView(whole).first(size)).code(), Code::kCorrupt) << size;
  }
  whole.push_back(std::byte{0});
  EXPECT_EQ(decode_pool_map(whole).code(), Code::kCorrupt);
}

TEST(PoolMapEncoding, CountsThatCannotBeAreRefusedBeforeAnythingIsTakenForThem) {
  Bytes bytes = encode_pool_map(make_plain_map(1));
  store_le(bytes.data() + 12, ~uint32_t{0});
  EXPECT_EQ(decode_pool_map(bytes).code(), Code::kCorrupt);
  bytes = encode_pool_map(make_plain_map(1));
  store_le(bytes.data() + 16, ~uint32_t{0});
  EXPECT_EQ(decode_pool_map(bytes).code(), Code::kCorrupt);
}

TEST(PoolMapEncoding, OfANewerFormatSaysSo) {
  Bytes bytes = encode_pool_map(make_plain_map(1));
  store_le(bytes.data() + 4, uint16_t{2});
  const Result<PoolMap> read = decode_pool_map(bytes);
  EXPECT_EQ(read.code(), Code::kVersionUnsupported);
  EXPECT_NE(read.status().message().find("format 2"), std::string_view::npos);
  store_le(bytes.data() + 4, uint16_t{0});
  EXPECT_EQ(decode_pool_map(bytes).code(), Code::kCorrupt);
}

// The golden encodings, which are also what the fuzz target begins with.
TEST(PoolMapEncoding, StaysAsItIs) {
  for (const auto& [name, map] : {std::pair("plain_1", make_plain_map(3)), std::pair("sample_1", sample()),
                                  std::pair("changing_1", changing())}) {
    const std::string path = std::string(AEON_TESTDATA_DIR) + "/fuzz/pool_map/" + name;
    const Bytes now = encode_pool_map(map);
    if (std::getenv("AEON_UPDATE_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << as_text(now);
    std::ifstream file(path, std::ios::binary);
    std::ostringstream golden;
    golden << file.rdbuf();
    EXPECT_TRUE(golden.str() == as_text(now)) << name << ": maps that are stored would not be read again";
  }
}

}  // namespace
}  // namespace aeon::placement
