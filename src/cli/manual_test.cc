#include "cli/manual.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace aeon::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;

std::vector<std::string> complete(std::vector<std::string> words) { return completions(daos_program(), words); }

TEST(Verbs, HaveNamesAndAliasesThatMeanOneThing) {
  std::set<std::string> names;
  for (const Verb& verb : daos_program().verbs) {
    std::vector<std::string_view> all = verb.aliases;
    all.push_back(verb.name);
    for (const std::string_view name : all) {
      EXPECT_TRUE(names.insert(std::string(verb.group) + " " + std::string(name)).second) << verb.full_name();
    }
  }
}

TEST(Verbs, HaveOptionsThatMeanOneThing) {
  for (const Verb& verb : daos_program().verbs) {
    std::set<std::string_view> names;
    for (const auto* options : {&verb.options, &daos_program().options}) {
      for (const Option& option : *options) {
        for (const std::string_view name : {option.name, option.short_name, option.alias}) {
          if (name.empty()) continue;
          EXPECT_TRUE(names.insert(name).second) << verb.full_name() << " " << name;
        }
      }
    }
  }
}

TEST(Verbs, TakeOptionalArgumentsOnlyBehindTheOthers) {
  for (const Verb& verb : daos_program().verbs) {
    bool optional_seen = false;
    for (const Argument& argument : verb.arguments) {
      EXPECT_FALSE(optional_seen && !argument.is_optional) << verb.full_name();
      optional_seen |= argument.is_optional;
    }
  }
}

TEST(ManPage, HasEveryVerbOptionAndAlias) {
  // As a reader sees it.
  std::string page = man_page(daos_program(), "1.0");
  for (size_t at; (at = page.find("\\-")) != std::string::npos;) page.erase(at, 1);
  for (const Verb& verb : daos_program().verbs) {
    EXPECT_THAT(page, HasSubstr(".SS \"daos " + verb.full_name() + "\""));
    for (const Option& option : verb.options)
      EXPECT_THAT(page, HasSubstr(std::string(option.name))) << verb.full_name();
    for (const std::string_view alias : verb.aliases) EXPECT_THAT(page, HasSubstr(std::string(alias)));
  }
}

TEST(ManPage, StartsNoLineWithAnAccidentalRequest) {
  const std::string page = man_page(daos_program(), "1.0");
  const std::set<std::string> requests = {".TH", ".SH", ".SS", ".TP", ".PP"};
  for (size_t at = 0; at < page.size();) {
    const size_t end = page.find('\n', at);
    const std::string line = page.substr(at, end - at);
    EXPECT_TRUE(!line.starts_with('.') || requests.contains(line.substr(0, line.find(' ')))) << line;
    EXPECT_FALSE(line.starts_with('\'')) << line;
    at = end + 1;
  }
}

TEST(Completion, OffersCommandsByTheirBeginning) {
  EXPECT_THAT(complete({"con"}), ElementsAre("container"));
  EXPECT_THAT(complete({"container", "create"}), ElementsAre("create", "create-snap"));
  EXPECT_THAT(complete({"cont", "qu"}), ElementsAre("query"));
  EXPECT_THAT(complete({""}), IsSupersetOf({"pool", "container", "kv", "version"}));
}

TEST(Completion, OffersOptionsOfTheVerbAndOfAll) {
  EXPECT_THAT(complete({"container", "destroy", "p", "--"}),
              ElementsAre("--force", "--help", "--json", "--local", "--quiet"));
}

TEST(Completion, OffersTheChoicesOfAnOption) {
  EXPECT_THAT(complete({"container", "create", "p", "c", "--type", "PO"}), ElementsAre("POSIX"));
  EXPECT_THAT(complete({"completion", ""}), ElementsAre("bash", "fish", "zsh"));
}

TEST(Completion, LeavesFilesToTheShell) {
  EXPECT_THAT(complete({"--local", "/tm"}), ElementsAre(std::string(kCompleteFiles)));
  EXPECT_THAT(complete({"fs", "copy", "/ho"}), ElementsAre(std::string(kCompleteFiles)));
  EXPECT_THAT(complete({"fs", "copy", "da"}), ElementsAre("daos://"));
}

TEST(Completion, OffersNothingBehindAnUnknownCommandOrTheLastArgument) {
  EXPECT_TRUE(complete({"nonsense", ""}).empty());
  EXPECT_TRUE(complete({"container", "query", "p", "c", ""}).empty());
}

TEST(CompletionScript, IsThereForThreeShells) {
  for (const char* shell : {"bash", "zsh", "fish"})
    EXPECT_THAT(completion_script(daos_program(), shell), HasSubstr("__complete")) << shell;
  EXPECT_EQ(completion_script(daos_program(), "tcsh"), "");
}

}  // namespace
}  // namespace aeon::cli
